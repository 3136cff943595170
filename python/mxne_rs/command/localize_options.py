"""Declare the options of `mxne-rs localize` and `mxne-rs path`."""

from __future__ import annotations

from ..inverse.options import RULE, SEED
from ..inverse.settings import AUTO_GRID, RULES
from ..results.localize import localize
from . import values
from .options import Option, default_of, shared

ABOUT_LOCALIZE = (
    "find the sources of an evoked response, of epochs or of a recording",
    "Find the few sources that explain measured data; write them as source estimate,\n"
    "dipoles, table and picture, with the residual.",
    """\
examples:
  mxne-rs localize --evoked auditory-ave.fif --condition "Left Auditory" --tmin 0.05 --tmax 0.15 \\
      --forward cortex-fwd.fif --noise-cov noise-cov.fif --alpha 60 --out results
  mxne-rs localize --epochs faces-epo.fif --condition famous --baseline none 0 \\
      --forward cortex-fwd.fif --noise-cov noise-cov.fif --report --out results
  mxne-rs localize --raw spike_raw.fif --tmin 12.3 --tmax 12.5 --loose 0 \\
      --forward cortex-fwd.fif --noise-cov noise-cov.fif --alpha 50 --out results

written to DIR:
  the source estimate (sources-*), dipoles/, residual-ave.fif, sources.tsv, localization.png and,
  with --report, report.html; files of an earlier 'localize' are removed, no others. It is what
  mxne_rs.localize(...).save(DIR) writes

exit code: see 'mxne-rs --help'
""",
)
ABOUT_PATH = (
    "draw sources against alpha, to choose alpha",
    "Localize at decreasing values of alpha, the regularisation; draw number of sources,\n"
    "explained variance and amplitudes against alpha.",
    """\
example:
  mxne-rs path --evoked auditory-ave.fif --condition "Left Auditory" --tmin 0.05 --tmax 0.15 \\
      --forward cortex-fwd.fif --noise-cov noise-cov.fif --alphas 90 20 15 --out results

written to DIR:
  path.png           number of sources, explained variance, and peak amplitude of each source
  path.tsv           a line per alpha
  path-sources.tsv   a line per alpha and source
  path-report.html   with --report
  Files of an earlier 'path' are removed, no others.

exit code: see 'mxne-rs --help'
""",
)
DATA = (
    Option("--evoked FILE", "evoked responses (-ave.fif)"),
    Option("--epochs FILE", "epochs (-epo.fif); their average is localized"),
    Option(
        "--raw FILE", "continuous recording in any format that MNE reads; give --tmin and --tmax"
    ),
)
FILES = shared("--forward", "--noise-cov", "--out")
REPORT = Option(
    "--report [FILE]",
    "also write an HTML report of data, sources, residual, certificate, settings and versions "
    "(default FILE: DIR/report.html)",
)
STABILITY = Option(
    "--stability [N]",
    "of --epochs: also solve N averages of random halves of them (default N: 50), and write how "
    "often each location is found into the report and stability.tsv",
    values.count(2),
)
WITH_INPUTS = Option(
    "--with-inputs",
    "also write data, forward solution and noise covariance, which mxne_rs.Localization.read(DIR) "
    "needs",
)
PATH_REPORT = Option("--report", "also write an HTML report (path-report.html)")
PLACES = (
    Option(
        "--labels NAME",
        "parcellation whose regions the sources are named by, such as aparc; needs --subjects-dir",
    ),
    Option(
        "--subjects-dir DIR",
        "FreeSurfer's folder of subjects, for --labels and for MNI coordinates of the sources",
    ),
)
PART = (
    Option(
        "--condition NAME...",
        "condition of --evoked, by name or number (from 0); event of --epochs, by name. Several "
        "are localized together: they share their sources, not their time courses",
    ),
    Option("--tmin S", "first time in s (default: all of the data)", values.seconds),
    Option("--tmax S", "last time in s (default: all of the data)", values.seconds),
    Option(
        "--baseline S S",
        "subtract the mean between these times in s, 'none' for an end of the data (default: no "
        "change)",
        values.seconds_or_none,
    ),
)
CHANNELS = (
    Option("--pick NAME...", "channels to use: names, or types such as mag, grad, eeg or meg"),
    Option("--bads NAME...", "channels to leave out, beside those that the files mark as bad"),
    Option(
        "--rank RANK",
        "rank of the whitened data: 'info' counts projections, 'full' takes all channels, or "
        "numbers by type, such as meg=70,eeg=59 (default: estimated from the covariance)",
        values.rank,
    ),
)
WEIGHTS = (
    Option(
        "--weights FILE",
        "source estimate (-lh.stc, -vl.stc) on the locations of --forward whose largest amplitudes "
        "are prior weights: locations with small ones are penalised more",
    ),
    Option(
        "--weights-min NUMBER",
        "locations with --weights up to this number are left out",
        values.positive("a positive number"),
    ),
)
MODEL = (
    *shared("--allow-small-alpha", "--reweights", "--amplitude-unit", "--loose", "--depth"),
    Option("--no-debias", "do not undo the shrinkage of the amplitudes by the penalty"),
)
SOLVER = (
    Option(
        "--solver",
        "block coordinate descent or FISTA: the same answer, bcd is faster",
        default="bcd",
        choices=["bcd", "fista"],
    ),
    Option(
        "--tol GAP",
        "relative duality gap to reach: largest distance of the objective from its minimum, as a "
        "fraction of the objective without sources",
        values.positive("a small positive number such as 1e-6"),
        default_of(localize, "tol"),
    ),
    Option(
        "--maxit N",
        "maximum epochs of the solver per convex problem: with --reweights 100 an alpha may take "
        "100 times as many in total",
        values.count(1),
        default_of(localize, "maxit"),
    ),
    Option(
        "--time-limit S",
        "seconds that the solver may take in total; its answer at that time is written (default: "
        "no limit)",
        values.duration,
    ),
)
GRID = "{}: N of them, evenly spaced in their logarithm (default: {:g} {:g} {})"
ALPHA = Option(
    "--alpha PERCENT",
    "regularisation in percent of the smallest value without a source: smaller gives more sources; "
    f"or a rule that chooses it: {', '.join(RULES)} (default: {RULE}; 60 with --method tf-mxne)",
    values.percent(*RULES),
)
METHOD = (
    Option(
        "--method",
        "mxne: sources active throughout the window; tf-mxne: few time-frequency coefficients of "
        "each, for longer windows, transients and oscillations; gamma-map: the most probable "
        "variances at a given noise variance",
        default="mxne",
        choices=["mxne", "tf-mxne", "gamma-map"],
    ),
)
#: Options of one method, without defaults, so that one given with another can be refused.
TIME_FREQUENCY = (
    Option(
        "--l1-ratio NUMBER",
        "part of the penalty that counts single coefficients, from 0 to 1 (default: 0.03)",
        values.positive("a number from 0 to 1"),
    ),
    Option("--wsize N", "samples in a window, a multiple of 4 (default: 64)", values.count(4)),
    Option(
        "--tstep N",
        "samples from one window to the next, an even divisor of --wsize (default: 4)",
        values.count(2),
    ),
)
GAMMA = (
    Option(
        "--noise-variance V",
        "variance of the noise in the whitened data: more gives fewer sources (default: 0.5)",
        values.positive("a positive number such as 0.5"),
    ),
)
#: What `--method` other than mxne takes, with the defaults.
OWN: dict[str, dict[str, float]] = {
    "tf-mxne": {"l1_ratio": 0.03, "wsize": 64, "tstep": 4},
    "gamma-map": {"noise_variance": 0.5},
}
#: The alpha of the method that no rule chooses for, in percent.
TF_ALPHA = 60.0
#: Options without defaults, so that one given together with an alpha can be refused.
OF_RULES = (
    Option(
        "--alphas FROM TO N",
        GRID.format("percentages to choose from", *AUTO_GRID),
        action=values.Grid,
    ),
    Option(
        "--sure-sigma SD",
        "standard deviation of the noise in the whitened data, or 'nave' for that of averaged "
        "white noise, 1 / sqrt(number of averages); higher gives fewer sources (default: that of "
        "the whitened data themselves, an upper bound of the noise)",
        values.positive_or_nave,
    ),
    *shared("--rng", text=f"seed of the random numbers of rules (default: {SEED})", default=None),
)
PATH_ALPHAS = Option(
    "--alphas FROM TO N",
    GRID.format("alphas, in percent of the smallest without a source", *AUTO_GRID),
    default=AUTO_GRID,
    action=values.Grid,
)
