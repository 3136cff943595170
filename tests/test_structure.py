"""The shape of the code: who may import whom, how long a file may be, what is documented."""

import ast
import doctest
import graphlib
import inspect
import itertools
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


def declared(path):
    """The modules that a Rust file declares, in its order."""
    text = path.read_text()
    return re.findall(r"^(?:pub(?:\(\w+\))? )?mod (\w+);", text, flags=re.MULTILINE)


# From the bottom to the top; a module may use what stands before it. Rust's are the groups that
# lib.rs lists; these are the rows of docs/design.md, with an order inside those that name several.
RUST_ORDER = declared(RUST / "lib.rs")
#: From the bottom to the top: the rooms of the package, a file or a folder each. A room may use
#: those on lower floors; the Python rows of docs/design.md are these.
PYTHON_FLOORS = [
    ["_core"],
    ["_arguments"],
    ["_progress", "_looks", "simulate"],
    ["solve"],
    ["alpha", "study", "sklearn"],
    ["inverse"],
    ["results", "live", "resampling"],
    ["command"],
    ["__init__", "__main__"],
]


def rust_modules():
    """Every Rust source but the crate root, by its path of modules: ("machine", "clock")."""
    paths = [path for path in sorted(RUST.rglob("*.rs")) if path.name != "lib.rs"]
    return {path.relative_to(RUST).with_suffix("").parts: path for path in paths}


def without_tests(path):
    """The lines of a Rust file that are not in a `#[cfg(test)]` module; none of a tests.rs."""
    if path.name == "tests.rs":
        return []
    kept, inside = [], False
    for line in path.read_text().splitlines():
        inside = inside or line == "#[cfg(test)]"
        if not inside:
            kept.append(line)
        inside = inside and line not in ("}", "mod tests;")
    return kept


def flattened(use):
    """The paths of a use declaration: a::{b, c::{d, e}} is a::b, a::c::d and a::c::e."""
    head, brace, tail = use.partition("{")
    if not brace:
        return [use.strip()]
    parts, depth = [""], 0
    for letter in tail.strip().removesuffix("}"):
        depth += (letter == "{") - (letter == "}")
        parts = [*parts, ""] if letter == "," and not depth else [*parts[:-1], parts[-1] + letter]
    return [head.strip() + path for part in parts if part.strip() for path in flattened(part)]


def rust_paths(module):
    """Every path from `crate` or `super` in a file, comments and tests left out, from the root."""
    text = re.sub(r"//.*", "", "\n".join(without_tests(rust_modules()[module])))
    uses = [use for body in re.findall(r"\buse ([^;]+);", text) for use in flattened(body)]
    elsewhere = re.findall(r"\b(?:crate|super)(?:::\w+)+", re.sub(r"\buse [^;]+;", "", text))
    paths = [tuple(use.split(" as ")[0].split("::")) for use in uses + elsewhere]
    from_root = {path[1:] for path in paths if path[0] == "crate"}
    # `super::*` is what a module inside of the file says.
    others = [path for path in paths if path[0] == "super" and path[1] != "*"]
    for path in others:
        ups = next(i for i, name in enumerate(path) if name != "super")
        from_root.add(module[:-ups] + path[ups:])
    return from_root


def rust_arrows():
    """Pairs of modules of which the first names the second, each as close as a file goes."""
    modules = rust_modules()
    return {
        (module, path[:k])
        for module in modules
        for path in rust_paths(module)
        for k in [max((k for k in range(1, len(path) + 1) if path[:k] in modules), default=0)]
    }


def python_files():
    """Every module of the package, by its dotted name below it."""
    return {
        ".".join(path.relative_to(PYTHON).with_suffix("").parts): path
        for path in sorted(PYTHON.rglob("*.py"))
    }


def python_imports(name, path):
    """Modules of the package that a module imports, wherever in its text."""
    folder, found = name.split(".")[:-1], set()
    modules = {*python_files(), "_core"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            start = folder[: len(folder) - node.level + 1] + (node.module or "").split(".")
            start = ".".join(filter(None, start))
            for member in node.names:
                named = [f"{start}.{member.name}".lstrip("."), start, f"{start}.__init__"]
                found.add(next(one for one in named if one in modules))
    return found


def python_arrows():
    """Pairs of rooms, the first of which imports the second; faces that hand names on are none."""
    return {
        (room_of(name), room_of(other))
        for name, path in python_files().items()
        for other in python_imports(name, path)
        if room_of(name) != room_of(other)
    }


def room_of(name):
    """The file or folder at the top of the package in which a module stands."""
    return name.split(".")[0]


def design_rows(title):
    """First words of the rows of a diagram in docs/design.md, top to bottom; not what is below."""
    section = (ROOT / "docs" / "design.md").read_text().split(f"## {title}")[1].split("\n## ")[0]
    return re.findall(r"^ {4}(\w+)", section, flags=re.MULTILINE)


def test_rust_groups_use_only_what_stands_below_them():
    """Every path from `crate` leads to a group strictly lower, or stays in its own."""
    place = RUST_ORDER.index
    up = [(a, b) for a, b in rust_arrows() if b and place(a[0]) < place(b[0])]
    assert not up
    # What lib.rs re-exports is for users; of the crate only the Python layer is one.
    assert {a[0] for a, b in rust_arrows() if not b} <= {"python"}


def test_rust_modules_of_one_folder_form_no_circle():
    """A file and its folder are one module; a file may use what the one it belongs to defines."""
    uses = {}
    for a, b in rust_arrows():
        same = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), None)
        if same is not None:
            uses.setdefault(a[: same + 1], set()).add(b[: same + 1])
    # Raises CycleError, which names the circle.
    assert list(graphlib.TopologicalSorter(uses).static_order())


def test_rust_groups_list_their_modules():
    """Each with a line that says what it is; so does lib.rs the groups."""
    for path in [RUST / "lib.rs", *(RUST / f"{group}.rs" for group in RUST_ORDER)]:
        lines = path.read_text().splitlines()
        folder = RUST if path.name == "lib.rs" else path.with_suffix("")
        assert {file.stem for file in folder.glob("*.rs")} - {"lib"} == set(declared(path))
        for before, line in itertools.pairwise(line for line in lines if "cfg(" not in line):
            if re.match(r"(pub\(crate\) )?mod \w+;", line):
                assert before.startswith("/// "), f"{path.name}: {line}"


def test_python_rooms_use_only_what_stands_on_lower_floors():
    """No import leads up, or to the other rooms of the same floor."""
    floor = {room: level for level, rooms in enumerate(PYTHON_FLOORS) for room in rooms}
    assert {room_of(name) for name in python_files()} | {"_core"} == set(floor)
    assert {(a, b) for a, b in python_arrows() if floor[a] <= floor[b]} == set()


def test_python_house_is_small(capsys):
    """At most 18 rooms, 9 floors (the compiled module included) and 50 arrows."""
    rooms = [room for floor in PYTHON_FLOORS for room in floor]
    with capsys.disabled():
        print(f" {len(rooms)} rooms, {len(PYTHON_FLOORS)} floors, {len(python_arrows())} arrows ")
    assert len(rooms) <= 18
    assert len(PYTHON_FLOORS) <= 9
    assert len(python_arrows()) <= 50


def test_no_circle_inside_a_python_room():
    """The modules of a folder can be put in an order; a face at its top hands names on."""
    imports = {name: python_imports(name, path) for name, path in python_files().items()}
    graph = {
        name: {other for other in others if room_of(other) == room_of(name)}
        for name, others in imports.items()
    }
    assert list(graphlib.TopologicalSorter(graph).static_order())


def test_python_files_and_functions_are_short():
    """At most 400 lines a file, and 80 lines of code (without docstring) a function."""
    long = {}
    others = [path for folder in ("benches", "evidence") for path in (ROOT / folder).rglob("*.py")]
    for name, path in [*python_files().items(), *((path.stem, path) for path in others)]:
        text = path.read_text()
        long[name] = len(text.splitlines()) - 400
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                first = node.body[ast.get_docstring(node) is not None :]
                long[f"{name}.{node.name}"] = (
                    node.end_lineno - first[0].lineno + 1 - 80 if first else 0
                )
    assert not {name: lines for name, lines in long.items() if lines > 0}


def test_python_rooms_are_those_of_the_design():
    """The page and this file cannot drift apart: a row is a floor."""
    section = (ROOT / "docs" / "design.md").read_text().split("## Python")[1].split("\n## ")[0]
    rows = re.findall(r"^    \d  ([\w, ]+):", section, flags=re.MULTILINE)
    assert [row.split(", ") for row in rows] == PYTHON_FLOORS[::-1]


def test_rust_order_is_the_one_of_the_design():
    """The page and this file cannot drift apart, and no row outlives its module."""
    rows = design_rows("Rust")
    assert set(rows) <= set(RUST_ORDER)
    assert rows == sorted(rows, key=RUST_ORDER.index, reverse=True)
    assert {module[0] for module in rust_modules()} == set(RUST_ORDER)


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
    unsafe = {"kernels.rs", "memory.rs", "dense/backend_gemm.rs", "dense/backend_blas.rs"}
    assert allowing == {f"machine/{name}" for name in unsafe}
    for name in allowing:
        lines = sources[name].splitlines()
        for i, line in enumerate(lines):
            if re.search(r"unsafe \{|=> unsafe|\|\| unsafe|unsafe extern", line):
                above = "\n".join(lines[max(0, i - 4) : i])
                assert "SAFETY" in above, f"{name}:{i + 1}: {line}"
    assert 'unsafe_code = "deny"' in (ROOT / "Cargo.toml").read_text()


def test_package_shows_public_names_and_they_hide_no_module():
    """A name that is a function and a module is one of both, by the order of imports."""
    assert dir(mxne_rs) == sorted(mxne_rs.__all__)
    assert not {room_of(name) for name in python_files()} & set(mxne_rs.__all__)
