"""What was measured, as Markdown tables, as a picture, and as blocks of docs/benchmarks.md."""

from __future__ import annotations

import math
import re
import textwrap
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from targets import mean

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "benchmarks.md"
HEAD = """# Benchmarks

How long a certified answer takes, here and by other solvers, each run to the same duality gap. The
unit is the **product**: one G'R of the whole gain, made on the same threads in the same run.
`make bench` measures it on your machine.
"""
#: What follows the figure and the table; each block after it is folded.
DETAILS = """## Details

All solvers run in one process, in turns; times are medians. Products are those of the crate's own
module, in float64. A cold certified solve costs at least two of them, unless it can leave out a
part of the gain or of the samples. NumPy computes every gap from the answer that a solver returns.
Each peer runs with the loosest of its own tolerances that reaches the gap asked for. "All cores" on
a shared machine is hard on peers whose threads wait for each other busily (adelie, OpenBLAS): look
at one thread first. `make bench` writes this page, `make bench-live` and `make bench-reproduce` its
last two blocks.
"""
#: The blocks of the page, in its order; the marks of a block have its name.
ORDER = (
    "compare",
    "targets",
    "cores",
    "stream",
    "sure",
    "time_frequency",
    "scaling",
    "counts",
    "live",
    "reproduce",
)
OURS = "mxne_rs"
#: A problem with fewer alphas is told in the details only.
MANY_ALPHAS = 5
#: Our solver again, to a gap at which rounding is near.
TIGHT, TIGHT_TOL = "mxne_rs, gap 1e-10", 1e-10


@dataclass
class Run:
    """One solver on one problem."""

    problem: str
    threads: int
    tol: float
    alpha: float | None
    solver: str
    active: int | None
    gap: float | None
    products: float
    ratio: float
    note: str = ""
    extra: float | None = None

    def __str__(self):
        alpha = "" if self.alpha is None else f"{self.alpha / 100:4.2f}"
        active = "" if self.active is None else self.active
        gap = "" if self.gap is None else f"{self.gap:9.1e}"
        late = "" if self.reached else " > asked"
        return (
            f"  {alpha:4s} {self.solver:21s} {active!s:>5s} {gap:9s}{late} "
            f"{self.products:9.2f} products {self.ratio:8.2f} x ours  {self.note}"
        )

    @property
    def reached(self):
        """Whether the gap asked for was reached; a hair above is rounding."""
        return self.gap is None or self.gap <= 1.01 * self.tol


@dataclass
class Section:
    """One table."""

    kind: str
    problem: str
    threads: int
    tol: float
    rows: list[Run]
    absent: dict[str, str] = field(default_factory=dict)

    @property
    def title(self):
        """What is solved, how well, and on how many cores."""
        cores = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        cores = cores if self.threads else "all cores"
        return f"{self.kind}: {self.problem}, relative gap {self.tol:g}, {cores}"


def _cell(run):
    digits = 2 if run.solver == TIGHT else 1
    ratio = "" if run.solver == OURS else f" {run.ratio:.{digits}f} x"
    flag = "" if run.reached else " **!**"
    gap = "" if run.gap is None else f" ({run.gap:.0e}{flag})"
    return f"{run.products:.1f}{gap}{ratio}"


def _wide(section):
    """Alphas down, solvers across."""
    solvers = list(dict.fromkeys(run.solver for run in section.rows))
    lines = ["| alpha / alpha_max | locations | " + " | ".join(solvers) + " |"]
    lines.append("|---" * (2 + len(solvers)) + "|")
    for alpha in dict.fromkeys(run.alpha for run in section.rows):
        by = {run.solver: run for run in section.rows if run.alpha == alpha}
        cells = [_cell(by[name]) if name in by else "-" for name in solvers]
        lines.append(f"| {alpha / 100:g} | {by[OURS].active} | " + " | ".join(cells) + " |")
    return lines


def _long(section):
    """One line a run."""
    lines = ["| solver | locations | largest gap | products | x ours | how |", "|---" * 6 + "|"]
    for run in section.rows:
        active = "" if run.active is None else run.active
        gap = "" if run.gap is None else f"{run.gap:.0e}" + ("" if run.reached else " **!**")
        lines.append(
            f"| {run.solver} | {active} | {gap} | {run.products:.1f} | {run.ratio:.2f} "
            f"| {run.note} |"
        )
    return lines


def tables(sections):
    """All tables as Markdown lines."""
    lines = []
    for section in sections:
        if section.rows or section.absent:
            body = _wide(section) if section.kind == "Convex" else _long(section)
            lines += ["", f"**{section.title}**", "", *body]
            for name, why in section.absent.items():
                lines += ["", f"{name}: {' '.join(why.split())[:200]}"]
    return lines


def ratios(section):
    """Ratios to ours by peer; those that missed the gap count too, in the peer's favour."""
    out = {}
    for run in section.rows:
        if run.solver not in (OURS, TIGHT):
            out.setdefault(run.solver, []).append(run.ratio)
    return out


def headline(sections, tol):
    """Peers down, problems across: geometric mean and least ratio to ours, on one thread."""
    chosen = [s for s in sections if s.kind == "Convex" and (s.threads, s.tol) == (1, tol)]
    chosen = [s for s in chosen if sum(run.solver == OURS for run in s.rows) >= MANY_ALPHAS]
    by_peer = [ratios(section) for section in chosen]
    lines = [f"| solver | {' | '.join(section.problem for section in chosen)} |"]
    lines.append("|---" * (1 + len(chosen)) + "|")
    for peer in dict.fromkeys(name for found in by_peer for name in found):
        cells = [
            f"{mean(found[peer]):.1f} ({min(found[peer]):.1f})" if peer in found else "-"
            for found in by_peer
        ]
        lines.append(f"| {peer} | {' | '.join(cells)} |")
    return lines


def means(sections):
    """Geometric mean and least ratio to each peer, as Markdown lines."""
    lines = ["| problem | peer | alphas | geometric mean | least |", "|---" * 5 + "|"]
    for section in sections:
        if section.kind == "Convex":
            for peer, found in ratios(section).items():
                lines.append(
                    f"| {section.title.removeprefix('Convex: ')} | {peer} | {len(found)} "
                    f"| {mean(found):.1f} | {min(found):.1f} |"
                )
    return lines


def folded(title, lines):
    """Lines that are shown when their title is clicked."""
    return [f"::::{{dropdown}} {title}", *lines, "::::"]


def replace_section(name, text):
    """Put `text` between the marks of `name` in the page, and the page in its order.

    A text that begins with a heading is folded under it.
    """
    first, *rest = text.strip().split("\n")
    if first.startswith("## "):
        text = "\n".join(folded(first.removeprefix("## "), rest))
    page = PAGE.read_text() if PAGE.exists() else ""
    found = re.findall(r"<!-- (\w+): begin -->\n(.*?)\n<!-- \1: end -->", page, flags=re.DOTALL)
    blocks = {**dict(found), name: wrapped(text.strip())}
    marked = [
        f"<!-- {name}: begin -->\n{blocks[name]}\n<!-- {name}: end -->\n"
        for name in ORDER
        if name in blocks
    ]
    PAGE.write_text("\n".join([HEAD, marked[0], DETAILS, *marked[1:]]))


def wrapped(text):
    """Text with no line over 100 characters but the rows of tables."""
    lines = text.splitlines()
    return "\n".join(one if one.startswith("|") else textwrap.fill(one, 100) for one in lines)


COLOURS = {
    OURS: "#d1495b", "MNE bcd": "#00798c", "MNE cd": "#66a6b0", "adelie": "#edae49",
    "celer": "#7a5195", "skglm": "#8d6e63", "scikit-learn": "#5c7c3c", "invertmeeg": "#9aa0a6",
    "skein-glm": "#c77dff",
}  # fmt: skip


LEADER = {"arrowstyle": "-", "color": "#cccccc", "lw": 0.7}


def _spread(heights, least):
    """Heights moved apart, in order, so that labels do not touch."""
    order, out = np.argsort(heights), np.array(heights, float)
    for _ in range(200):
        for low, high in pairwise(order):
            short = least - (out[high] - out[low])
            if short > 1e-9:
                out[low] -= short / 2
                out[high] += short / 2
    return out


def picture(sections, threads, tol):
    """Products against alpha, one line a solver, the two real problems side by side."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    chosen = [s for s in sections if s.kind == "Convex" and s.rows]
    chosen = [s for s in chosen if (s.threads, s.tol) == (threads, tol)][:2]
    figure, axes = plt.subplots(1, len(chosen), figsize=(11, 4.8), sharey=True, squeeze=False)
    for axis, section in zip(axes[0], chosen, strict=True):
        names, heights, ends = [], [], []
        for name in dict.fromkeys(run.solver for run in section.rows if run.solver != TIGHT):
            runs = [run for run in section.rows if run.solver == name]
            x, y = [run.alpha / 100 for run in runs], [run.products for run in runs]
            ours = name == OURS
            axis.plot(
                x, y, "o-", color=COLOURS.get(name), lw=3 if ours else 1.6, ms=6 if ours else 4,
                zorder=3 if ours else 2,
            )  # fmt: skip
            names.append(name)
            heights.append(math.log10(y[-1]))
            ends.append(x[-1])
        places = _spread(heights, 0.115)
        for name, height, end, place in zip(names, heights, ends, places, strict=True):
            axis.annotate(
                name, (end, 10**height), (0.183, 10**place), color=COLOURS.get(name),
                va="center", fontsize=9.5, fontweight="bold" if name == OURS else None,
                arrowprops=None if end < 0.25 else LEADER,
            )  # fmt: skip
        axis.axhline(2, color="#888888", lw=0.8, ls=":")
        axis.text(0.605, 2.1, "two products", color="#777777", fontsize=8, va="bottom")
        axis.set_yscale("log")
        axis.set_xlim(0.62, 0.095)
        axis.set_xticks([0.6, 0.5, 0.4, 0.3, 0.2])
        axis.set_xlabel("alpha / alpha_max (smaller: more sources)")
        axis.set_title(section.rows[0].problem, fontsize=11)
        axis.grid(True, which="major", axis="y", color="#e6e6e6", lw=0.8)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].set_ylabel("time in products G'R")
    cores = f"{threads} thread" if threads else "all cores"
    figure.suptitle(f"Time to a relative duality gap of {tol:g}, {cores}, log scale", fontsize=12)
    figure.tight_layout()
    figure.savefig(DOCS / "benchmark.png", dpi=110)
    plt.close(figure)
