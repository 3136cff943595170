"""The shape of the code: who may import whom, how long a file may be, what is documented."""

import doctest
import inspect
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import mxne_rs

ROOT = Path(__file__).resolve().parents[1]
RUST = ROOT / "rust" / "src"
PYTHON = ROOT / "python" / "mxne_rs"

# From the bottom to the top; a module may use what stands before it. The rows of docs/design.md,
# with an order inside those that name several modules.
RUST_ORDER = [
    "error",
    "memory",
    "units",
    "clock",
    "dense",
    "threads",
    "panel",
    "kernels",
    "eigen",
    "curvature",
    "gain",
    "penalty",
    "products",
    "solution",
    "rotation",
    "rounding",
    "problem",
    "stopping",
    "scaled",
    "quadratic",
    "solver",
    "drive",
    "working_set",
    "options",
    "checks",
    "setup",
    "mxne",
    "reweighting",
    "path",
    "batch",
    "stream",
    "python",
]
PYTHON_ORDER = [
    "_core",
    "warn",
    "arrays",
    "progress",
    "axes",
    "gain",
    "curve",
    "solution",
    "request",
    "whitening",
    "debiasing",
    "solve",
    "sweeps",
    "sure",
    "store",
    "study",
    "resampling",
    "alpha_choice",
    "picks",
    "criteria",
    "hyperprior",
    "methods",
    "alpha",
    "sklearn",
    "settings",
    "measurement",
    "covariance",
    "model",
    "stream",
    "localization",
    "localize",
    "relatives",
    "solvers",
    "dipoles",
    "in_mne",
    "inverse",
    "paths",
    "table",
    "picture",
    "path_table",
    "path_picture",
    "pages",
    "report",
    "stability_picture",
    "stability",
    "simulate",
    "reproduce",
    "live",
    "command",
    "__init__",
    "__main__",
]
#: Inside of the command line, a package of its own.
COMMAND_ORDER = [
    "wording",
    "console",
    "values",
    "options",
    "reading",
    "folder",
    "writing",
    "__init__",
]


def rust_files():
    """Every Rust source but the crate root, with the module it belongs to."""
    paths = [path for path in sorted(RUST.rglob("*.rs")) if path.name != "lib.rs"]
    tops = [path.relative_to(RUST).parts[0].removesuffix(".rs") for path in paths]
    return list(zip(paths, tops, strict=True))


def without_tests(path):
    """The lines of a Rust file that are not in a `#[cfg(test)]` module."""
    kept, inside = [], False
    for line in path.read_text().splitlines():
        inside = inside or line == "#[cfg(test)]"
        if not inside:
            kept.append(line)
        inside = inside and line != "}"
    return kept


def rust_imports(path):
    """Names that follow `crate::` anywhere but in comments: modules, or what lib.rs re-exports."""
    text = re.sub(r"//.*", "", "\n".join(without_tests(path)))
    grouped = re.findall(r"\bcrate::\{(.*?)\};", text, flags=re.DOTALL)
    names = re.findall(r"\bcrate::(\w+)", text)
    return set(names + re.findall(r"\w+", " ".join(grouped)))


def python_imports(path):
    """Modules of the package that a Python file names after `from .` or `from . import`."""
    text = path.read_text()
    names = re.findall(r"^\s*from \.(\w+) import", text, flags=re.MULTILINE)
    listed = re.findall(r"^\s*from \. import (.*)$", text, flags=re.MULTILINE)
    return {*names, *re.findall(r"\w+", " ".join(listed))}


def design_rows(title):
    """First words of the rows of a diagram in docs/design.md, top to bottom."""
    section = (ROOT / "docs" / "design.md").read_text().split(f"## {title}")[1].split("\n## ")[0]
    return [line.split()[0] for line in section.splitlines() if line.startswith("    ")]


@pytest.mark.parametrize(("path", "module"), rust_files(), ids=lambda part: Path(part).stem)
def test_rust_modules_use_only_what_stands_below_them(path, module):
    """Every `crate::` names a module strictly lower; only the Python layer sees the crate root."""
    assert module in RUST_ORDER, f"{module} has no place in the order"
    below = RUST_ORDER[: RUST_ORDER.index(module)]
    modules = rust_imports(path) & {m for _, m in rust_files()}
    others = rust_imports(path) - modules
    assert modules - {module} <= set(below)
    assert module == "python" or not others, f"from the crate root: {others}"


@pytest.mark.parametrize(
    ("path", "order"),
    [(path, PYTHON_ORDER) for path in sorted(PYTHON.glob("*.py"))]
    + [(path, COMMAND_ORDER) for path in sorted((PYTHON / "command").glob("*.py"))],
    ids=lambda part: part.stem if isinstance(part, Path) else "",
)
def test_python_modules_use_only_what_stands_below_them(path, order):
    """Every relative import names a module strictly lower."""
    assert path.stem in order, f"{path.stem} has no place in the order"
    assert python_imports(path) <= set(order[: order.index(path.stem)])


@pytest.mark.parametrize("path", sorted((PYTHON / "command").glob("*.py")), ids=lambda p: p.stem)
def test_command_line_uses_only_what_stands_below_it(path):
    """Every import from the package around it names a module below `command`."""
    outside = re.findall(r"^\s*from \.\.(\w+) import", path.read_text(), flags=re.MULTILINE)
    assert set(outside) <= set(PYTHON_ORDER[: PYTHON_ORDER.index("command")])


@pytest.mark.parametrize(
    ("title", "order"), [("Rust", RUST_ORDER), ("Python", PYTHON_ORDER)], ids=["rust", "python"]
)
def test_order_is_the_one_of_the_design(title, order):
    """The page and this file cannot drift apart."""
    rows = design_rows(title)
    assert set(rows) <= set(order)
    assert rows == sorted(rows, key=order.index, reverse=True)


def test_every_module_in_the_order_exists():
    """No row outlives its module."""
    assert {module for _, module in rust_files()} == set(RUST_ORDER)
    flat = {path.stem for path in PYTHON.glob("*.py")}
    assert flat | {"command", "live", "reproduce"} == set(PYTHON_ORDER) - {"_core"}
    assert {path.stem for path in (PYTHON / "command").glob("*.py")} == set(COMMAND_ORDER)


def test_rust_files_are_short():
    """At most 300 lines, half of them at most 140, tests not counted."""
    lengths = {str(p.relative_to(RUST)): len(without_tests(p)) for p in sorted(RUST.rglob("*.rs"))}
    assert not {name: length for name, length in lengths.items() if length > 300}
    assert statistics.median(lengths.values()) <= 140


def test_importing_the_package_imports_numpy_only():
    """MNE and matplotlib are an extra, and slow to import."""
    heavy = {"mne", "matplotlib", "scipy", "sklearn", "tqdm"}
    code = f"import sys, mxne_rs; print(*sorted({heavy!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


PUBLIC = [name for name in mxne_rs.__all__ if not isinstance(getattr(mxne_rs, name), str)]


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_have_examples_that_run(name):
    """Each docstring has an Examples section, and what it shows is true."""
    text = inspect.getdoc(getattr(mxne_rs, name)) or ""
    assert "Examples\n--------" in text
    examples = text.split("Examples\n--------")[1]
    if "mxne_rs.simulate" in examples:
        pytest.importorskip("mne")
    test = doctest.DocTestParser().get_doctest(examples, {}, name, None, None)
    assert test.examples
    report = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=report.append)
    assert not report, "".join(report)


def test_unsafe_code_is_little_and_says_why():
    """In the modules that `make memcheck` watches, and each block with its reason above it."""
    sources = {path.relative_to(RUST).as_posix(): path.read_text() for path in RUST.rglob("*.rs")}
    allowing = {name for name, text in sources.items() if "allow(unsafe_code)" in text}
    assert allowing == {"kernels.rs", "memory.rs", "dense/backend_gemm.rs", "dense/backend_blas.rs"}
    for name in allowing:
        lines = sources[name].splitlines()
        for i, line in enumerate(lines):
            if re.search(r"unsafe \{|=> unsafe|\|\| unsafe|unsafe extern", line):
                above = "\n".join(lines[max(0, i - 4) : i])
                assert "SAFETY" in above, f"{name}:{i + 1}: {line}"
    assert 'unsafe_code = "deny"' in (ROOT / "Cargo.toml").read_text()
