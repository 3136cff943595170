"""What compare.py measured, as Markdown tables, targets and a picture."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "benchmarks.md"
HEAD = """# Benchmarks

`make bench` and `make scaling` write this page; run them to see your machine. Its unit of time is
the **product**: one G'R of the whole gain in float64, made by the crate's own product module on the
same threads in the same run. A cold certified solve costs at least two of them, unless it can leave
out a part of the gain or of the samples. All solvers run in one process, in turns; times are
medians. NumPy computes every gap from the answer that a solver returns. Each peer runs with the
loosest of its own tolerances that reaches the gap asked for. "All cores" on a shared machine is
hard on peers whose threads wait for each other busily (adelie, OpenBLAS): look at one thread first.
"""
OURS = "mxne_rs"


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
    free: float | None = None

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
    title: str
    rows: list[Run]
    absent: dict[str, str] = field(default_factory=dict)


def _cell(run):
    ratio = "" if run.solver == OURS else f" {run.ratio:.1f} x"
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
            lines += ["", f"### {section.title}", "", *body]
            for name, why in section.absent.items():
                lines += ["", f"{name}: {' '.join(why.split())[:200]}"]
    return lines


def _mean(values):
    return math.exp(np.mean(np.log(values))) if len(values) else float("nan")


def _ratios(section):
    """Ratios to ours by peer; those that missed the gap count too, in the peer's favour."""
    out = {}
    for run in section.rows:
        if run.solver != OURS:
            out.setdefault(run.solver, []).append(run.ratio)
    return out


def means(sections):
    """Geometric mean and least ratio to each peer, as Markdown lines."""
    lines = ["| problem | peer | alphas | geometric mean | least |", "|---" * 5 + "|"]
    for section in sections:
        if section.kind == "Convex":
            for peer, ratios in _ratios(section).items():
                lines.append(
                    f"| {section.title.removeprefix('Convex: ')} | {peer} | {len(ratios)} "
                    f"| {_mean(ratios):.1f} | {min(ratios):.1f} |"
                )
    return lines


def _find(sections, kind, words, tol, threads):
    for section in sections:
        if section.kind == kind and section.rows:
            first = section.rows[0]
            same = (first.tol, first.threads) == (tol, threads)
            if same and all(word in first.problem for word in words):
                return section
    return None


def targets(sections, tol=1e-6, threads=1):
    """List the targets that this run measured, as a Markdown table."""
    rows = []

    def add(what, target, measured, met):
        target = f"at least {target}" if isinstance(target, int) else target
        rows.append((what, target, measured, "yes" if met else "**no**"))

    free = _find(sections, "Convex", ("real", "loose"), tol, threads)
    if free:
        limits = {60.0: 2.5, 50.0: 2.5, 40.0: 3.5, 30.0: 6.0, 20.0: 14.0}
        for run in free.rows:
            if run.solver == OURS:
                limit = limits[run.alpha]
                what = f"real, loose 0.2, alpha {run.alpha / 100:g}"
                met = run.products <= limit and run.reached
                add(what, f"at most {limit:g} products", f"{run.products:.2f}", met)
        ratios = _ratios(free).get("MNE bcd", [])
        if ratios:
            mean = _mean(ratios)
            add(
                "the five, over MNE bcd, geometric mean",
                "at least 14 (aim 20)",
                f"{mean:.1f}",
                mean >= 14,
            )
            add("the five, over MNE bcd, least", 8, f"{min(ratios):.1f}", min(ratios) >= 8)
    fixed = _find(sections, "Convex", ("real", "fixed"), tol, threads)
    if fixed:
        ratios = _ratios(fixed)
        if {"MNE bcd", "MNE cd"} <= ratios.keys():
            ratios = {
                "better of MNE bcd and cd": np.minimum(ratios["MNE bcd"], ratios["MNE cd"]),
                **ratios,
            }
        limits = {
            "better of MNE bcd and cd": 8, "adelie": 10, "celer": 20, "skglm": 20,
            "scikit-learn": 60,
        }  # fmt: skip
        for peer, limit in limits.items():
            what = f"real, fixed, over {peer}, geometric mean"
            if peer in ratios:
                mean = _mean(ratios[peer])
                add(what, limit, f"{mean:.1f}", mean >= limit)
            else:
                add(what, limit, f"not measured: {fixed.absent.get(peer, 'absent')}"[:90], False)
    for words in (("real", "loose"), ("real", "fixed")):
        section = _find(sections, "irMxNE", words, tol, threads)
        if section:
            extra, reached = section.rows[0].extra, section.rows[0].reached
            what = f"irMxNE, ten rounds, alpha 0.5, {section.rows[0].problem}"
            add(what, "at most one product more", f"{extra:+.2f}", extra <= 1 and reached)
        section = _find(sections, "Path", words, tol, threads)
        if section:
            run = section.rows[0]
            met = run.products <= 20 and run.reached
            what = f"path of 20 alphas, 1 to 0.3, {run.problem}"
            add(what, "at most 20 products", f"{run.products:.1f}", met)
    section = _find(sections, "Batch", (), tol, threads)
    if section:
        run = next(run for run in section.rows if run.extra is not None)
        measured = f"{run.extra:.2f} where plain products got {run.free:.2f}"
        what = "batch of 100, two threads over one"
        add(what, "at least 1.7 where the second core is free", measured, run.extra >= 1.7)
        if run.extra < 1.7 and run.free < 1.9:
            rows[-1] = (*rows[-1][:3], "not judged: the second core was not free")
    section = _find(sections, "Convex", ("simulated 306", "61 samples"), tol, threads)
    if section and "MNE bcd" in _ratios(section):
        mean = _mean(_ratios(section)["MNE bcd"])
        add("simulated, over MNE bcd, geometric mean", 30, f"{mean:.1f}", mean >= 30)
    section = _find(sections, "Preparing", (), tol, threads)
    if section:
        products = section.rows[0].products
        add("preparing a Gain", "less than 3 products", f"{products:.2f}", products < 3)
    lines = ["| what | target | measured | reached |", "|---" * 4 + "|"]
    return lines + [f"| {a} | {b} | {c} | {d} |" for a, b, c, d in rows]


def replace_section(name, text):
    """Put `text` between the marks of `name` in the page, adding them where they are missing."""
    page = PAGE.read_text() if PAGE.exists() else ""
    marked = page.find("<!-- ")
    page = f"{HEAD}\n{page[marked:] if marked >= 0 else ''}"
    start, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    block = f"{start}\n{wrapped(text.strip())}\n{end}"
    if start in page:
        before, rest = page.split(start, 1)
        page = before + block + rest.split(end, 1)[1]
    else:
        page = f"{page.rstrip()}\n\n{block}\n"
    PAGE.write_text(page)


def wrapped(text):
    """Text with no line over 100 characters but the rows of tables."""
    lines = text.splitlines()
    return "\n".join(one if one.startswith("|") else textwrap.fill(one, 100) for one in lines)


def write(sections, options):
    """The page and the picture."""
    lines = ["## Against other solvers", "", "![Time against alpha](benchmark.png)", ""]
    lines += ["How many times as long a peer takes, over the alphas of a problem:", ""]
    lines += means(sections)
    lines += ["", "## Targets", "", "What the solver is to reach, and what this run measured:", ""]
    lines += targets(sections, options.tol, options.threads[0])
    lines += ["", "## All figures", "", "Cells are products (relative gap) ratio to mxne_rs; "]
    lines[-1] += "**!** marks a gap above the one asked for."
    lines += tables(sections)
    replace_section("compare", "\n".join(lines))
    picture(sections, options)


COLOURS = {
    OURS: "#d1495b", "MNE bcd": "#00798c", "MNE cd": "#66a6b0", "adelie": "#edae49",
    "celer": "#7a5195", "skglm": "#8d6e63", "scikit-learn": "#5c7c3c", "invertmeeg": "#9aa0a6",
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


def picture(sections, options):
    """Products against alpha, one line a solver, the two real problems side by side."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    first = options.threads[0]
    chosen = [s for s in sections if s.kind == "Convex" and s.rows]
    chosen = [s for s in chosen if (s.rows[0].threads, s.rows[0].tol) == (first, options.tol)][:2]
    figure, axes = plt.subplots(1, len(chosen), figsize=(11, 4.8), sharey=True, squeeze=False)
    for axis, section in zip(axes[0], chosen, strict=True):
        names, heights, ends = [], [], []
        for name in dict.fromkeys(run.solver for run in section.rows):
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
    threads = f"{first} thread" if first else "all cores"
    figure.suptitle(
        f"Time to a relative duality gap of {options.tol:g}, {threads}, log scale", fontsize=12
    )
    figure.tight_layout()
    figure.savefig(DOCS / "benchmark.png", dpi=110)
    plt.close(figure)
