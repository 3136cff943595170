"""What `conf.py` needs functions for: generated pages, the order and the output of examples."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

import tables

import mxne_rs

HERE = Path(__file__).resolve().parent.parent

#: The API by subject. A public name that is in none of them goes under `REST`.
SUBJECTS = {
    "Find sources": [
        "localize",
        "localize_path",
        "localize_tf",
        "localize_gamma",
        "Localization",
        "LocalizationPath",
    ],
    "As MNE's functions": [
        "mixed_norm",
        "mixed_norm_epochs",
        "mixed_norm_raw",
        "tf_mixed_norm",
        "gamma_map",
        "make_stc_from_dipoles",
        "use_in_mne",
        "Solver",
        "list_solvers",
    ],
    "On arrays": [
        "solve_mxne",
        "solve_irmxne",
        "solve_tf_mxne",
        "solve_irtf_mxne",
        "solve_path",
        "solve_sure",
        "choose_alpha",
        "solve_batch",
        "debias",
        "whitener",
        "Gain",
    ],
    "Stability over trials": ["stability", "Stability", "StabilityRow"],
    "How sure sources are": [
        "certainty",
        "Certainty",
        "Nodewise",
        "bootstrap_sources",
        "SourceBands",
    ],
    "Live recordings": ["Stream", "Estimate"],
    "Certificates and building blocks": [
        "alpha_max",
        "tf_alpha_max",
        "duality_gap",
        "tf_duality_gap",
        "group_soft_threshold",
    ],
    "Answers": [
        "Solution",
        "Coefficients",
        "Record",
        "SureCurve",
        "AlphaChoice",
        "Path",
        "ConvergenceWarning",
    ],
}
REST = "Others"
#: Public names of modules that are not imported with the package (they need MNE or scikit-learn).
MODULES = {
    "Live recordings, in a thread": [
        "live.Monitor",
        "live.Update",
        "live.Statistics",
        "live.solve_epochs",
        "live.EpochUpdate",
    ],
    "Sweeps, here or on a cluster": ["study.run_study", "study.Study", "study.Cost"],
    "scikit-learn": ["sklearn.MixedNorm"],
    "Simulated data": [
        "simulate.simulate_auditory",
        "simulate.simulate_epochs",
        "simulate.write_simulation",
        "simulate.TrueSource",
    ],
    "Command line": ["command.main"],
}

#: The how-tos in the order in which one needs them.
ORDER = (
    "start", "walkthrough", "settings", "alpha", "orientation", "epochs", "time_frequency",
    "stability", "report", "numpy", "mne", "live",
)  # fmt: skip


def api() -> dict[str, list[str]]:
    """Every public name by subject, none left out and none that is not there."""
    public = [name for name in mxne_rs.__all__ if not name.startswith("__")]
    sections = {
        subject: [name for name in names if name in public] for subject, names in SUBJECTS.items()
    }
    listed = {name for names in sections.values() for name in names}
    rest = [name for name in public if name not in listed]
    return {**sections, **({REST: rest} if rest else {}), **MODULES}


def api_page() -> str:
    """Return the page from which autosummary makes one page for each name."""
    lines = ["API", "===", "", "Everything public. ``mxne_rs`` itself needs NumPy only.", ""]
    for subject, names in api().items():
        lines += [subject, "-" * len(subject), "", ".. autosummary::"]
        lines += ["   :toctree: api", "   :nosignatures:", ""]
        lines += [f"   mxne_rs.{name}" for name in names] + [""]
    return "\n".join(lines)


#: Defaults that are not those of the same option elsewhere, with the reason.
OTHER_DEFAULTS = {
    ("solve_irmxne", "n_reweights"): "it always reweights; nearly all answers settle in 100",
    ("Stream", "tol"): "a window has to be solved before the next one comes",
    ("Stream", "max_iter"): "a window has to be solved before the next one comes",
    ("Stream", "n_threads"): "the other cores are left to the recording",
    ("mixed_norm", "tol"): "MNE's",
    ("mixed_norm", "maxit"): "MNE's, for each convex problem",
    ("mixed_norm", "amplitude_unit"): "MNE's",
    ("mixed_norm", "solver"): "MNE's word for `'bcd'`",
    ("mixed_norm", "debias"): "MNE's, because its amplitudes are in Am",
    ("choose_alpha", "sigma"): "which is 1, or ``n_trials ** -0.5`` for trials",
    ("stability", "n_mxne_iter"): "it looks for sources by irMxNE",
    ("stability", "tol"): "as `mixed_norm`",
    ("stability", "maxit"): "as `mixed_norm`",
}
DEFAULTS_HEAD = """# Defaults by function

An option means the same in every function that has it, and has the same default. The exceptions
come first in this table, each with its reason. {doc}`../parameters` explains the options of
`mixed_norm`, {doc}`api` those of every function.

"""
#: What `mixed_norm` calls by MNE's name.
MNE_NAMES = {"maxit": "max_iter", "n_mxne_iter": "n_reweights"}
VERBS = ("solve_mxne", "solve_irmxne", "solve_path", "solve_batch", "solve_sure", "choose_alpha",
         "Stream", "mixed_norm", "stability")  # fmt: skip


def defaults_page() -> str:
    """Return the page of defaults: a row for each option that several functions have."""
    rows: dict[str, dict[str, Any]] = {}
    for verb in VERBS:
        for one in inspect.signature(getattr(mxne_rs, verb)).parameters.values():
            if one.kind is one.KEYWORD_ONLY or verb == "mixed_norm":
                rows.setdefault(MNE_NAMES.get(one.name, one.name), {})[verb] = (
                    one.name,
                    one.default,
                )
    lines: list[tuple[str, str, str]] = []
    for option, verbs in rows.items():
        if len(verbs) < 2:
            continue
        values = [repr(default) for _, default in verbs.values()]
        usual = max(values, key=values.count)
        others = [
            f"`{verb}`{f' (as `{name}`)' * (name != option)}: `{default!r}`"
            + (f" ({OTHER_DEFAULTS[verb, name]})" if (verb, name) in OTHER_DEFAULTS else "")
            for verb, (name, default) in verbs.items()
            if repr(default) != usual
        ]
        lines.append((f"`{option}`", f"`{usual}`", tables.plain_code("; ".join(others))))
    lines.sort(key=lambda line: not line[2])
    return DEFAULTS_HEAD + tables.table(("Option", "Default", "Exceptions"), lines)


def write(folder: Path) -> None:
    """Write the generated pages, and the parts that other pages include, where they changed."""
    written = {
        "api.rst": api_page(),
        "defaults.md": defaults_page(),
        "differences.md": tables.differences_list(),
        "faults.md": tables.faults_table(),
        "parameters.md": tables.parameters_table(),
        "parameters_tf.md": tables.parameters_table("tf_mixed_norm"),
        "parameters_gamma.md": tables.parameters_table("gamma_map"),
        "differences_tf.md": tables.differences_list("tf_mixed_norm"),
        "differences_gamma.md": tables.differences_list("gamma_map"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in written.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def plain_bars(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Take the bars of norms, |X|, as bars, where reStructuredText sees a substitution."""
    for number, line in enumerate(lines):
        if "|" in line and not line.lstrip().startswith((">>>", "...", "|")):
            parts = line.split("``")
            parts[::2] = [re.sub(r"(?<!\\)\|", r"\|", part) for part in parts[::2]]
            lines[number] = "``".join(parts)


def skip_foreign(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what scikit-learn adds to an estimator."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def example_order(filename: str) -> int:
    """Sort the how-tos."""
    return ORDER.index(Path(filename).stem.removeprefix("plot_"))


def reset(gallery_conf: dict[str, Any], fname: str) -> None:
    """Before each example: the look of pictures, and warnings that are failures."""
    import matplotlib as mpl
    import mne

    shown.clear()
    mne.set_log_level("WARNING")
    warnings.simplefilter("error", RuntimeWarning)
    warnings.simplefilter("error", mxne_rs.ConvergenceWarning)
    mpl.rcdefaults()
    mpl.use("agg")
    mpl.rcParams.update(
        {
            "figure.figsize": (8.5, 4.0),
            "figure.dpi": 100,
            "savefig.dpi": 150,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": mpl.cycler(
                color=["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
            ),
        }
    )


#: Files and figures of this example that have been shown.
shown: set[Any] = set()


def scrape_files(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Show the figures, pictures and HTML reports that a block has made, once.

    These are the figures of the package, which pyplot does not know, and the files that a variable
    of the example is the path of.
    """
    from matplotlib import pyplot
    from matplotlib.figure import Figure
    from sphinx_gallery.scrapers import figure_rst

    # These are shown by Sphinx-Gallery's own scraper.
    shown.update(map(pyplot.figure, pyplot.get_fignums()))
    rst = ""
    for value in list(block_vars["example_globals"].values()):
        if isinstance(value, Figure) and value not in shown:
            shown.add(value)
            image = next(block_vars["image_path_iterator"])
            value.savefig(image)
            rst += figure_rst([image], gallery_conf["src_dir"], "figure")
        if not isinstance(value, Path) or not value.is_file() or value in shown:
            continue
        if value.suffix == ".png":
            shown.add(value)
            image = next(block_vars["image_path_iterator"])
            shutil.copyfile(value, image)
            rst += figure_rst([image], gallery_conf["src_dir"], value.stem)
        elif value.suffix == ".html":
            shown.add(value)
            folder = HERE / "generated" / "extra" / "files"
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(value, folder / value.name)
            up = os.path.relpath(HERE, Path(block_vars["target_file"]).parent)
            link = f"{up}/files/{value.name}"
            rst += (
                "\n.. raw:: html\n\n"
                f'   <iframe class="report" src="{link}" title="The report"></iframe>\n'
                f'   <p><a href="{link}">Open the report by itself</a></p>\n\n'
            )
    return rst
