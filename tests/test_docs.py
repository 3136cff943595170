"""The documentation says what is there: its tables and lists against the package and the tests.

`make docs` checks that the examples run. `docs/_ext/covered.py` names a test for each parameter,
fault and guarantee; parameters that have none elsewhere have it here.
"""

from __future__ import annotations

import inspect
import re
import sys
import warnings
from typing import Any

import numpy as np
import pytest

import mxne_rs
from mxne_rs import mixed_norm
from mxne_rs.inverse.differences import DIFFERENCES, OTHERS, REMARKS, listed
from mxne_rs.inverse.in_mne import TESTED
from places import ROOT

DOCS = ROOT / "docs"
#: Pages that people read who do not change the code.
USER_PAGES = (
    "README.md",
    "SECURITY.md",
    *(
        str(path.relative_to(ROOT))
        for pattern in ("*.md", "explanation/*.md", "coming_from/*.md", "start/*.py", "how_to/*.py")
        for path in sorted(DOCS.glob(pattern))
    ),
)


def read(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import the modules that build the pages, by name."""
    monkeypatch.syspath_prepend(DOCS / "_ext")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    import covered
    import pages
    import tables

    return {"covered": covered, "pages": pages, "tables": tables}


def defined_tests() -> set[str]:
    """Return the names of all test functions, in Python and in Rust."""
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "tests").rglob("*.rs")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return set(re.findall(r"^(?:def|fn) (\w+)\(", text, re.MULTILINE))


# --- tables and lists ----------------------------------------------------------------------------


def test_every_parameter_has_its_row(extension: Any) -> None:
    """One row for each parameter of `mixed_norm`, in its order, with its default and a meaning."""
    rows = extension["tables"].parameters()
    expected = [
        (f"`{one.name}`", "required" if one.default is one.empty else f"`{one.default!r}`")
        for one in inspect.signature(mixed_norm).parameters.values()
    ]
    assert [row[:2] for row in rows] == expected
    assert all(meaning for _, _, meaning, _ in rows)
    names = [row[0] for row in rows]
    new = names[names.index("`random_state`") + 1 :]
    assert [row[0] for row in rows if row[3].startswith("New.")] == new
    assert len(extension["tables"].parameters_table().splitlines()) == len(rows) + 5


@pytest.mark.parametrize("function", ["tf_mixed_norm", "gamma_map"])
def test_the_other_functions_have_their_tables(extension: Any, function: str) -> None:
    """One row for each parameter, with a meaning; differences are of parameters that are there."""
    parameters = inspect.signature(getattr(mxne_rs, function)).parameters
    rows = extension["tables"].parameters_of(function)
    assert [row[0] for row in rows] == [f"`{name}`" for name in parameters]
    assert all(meaning for _, _, meaning, _ in rows)
    assert {one.parameter for one in OTHERS[function]} <= set(parameters)
    assert listed(function) in inspect.getdoc(getattr(mxne_rs, function))


def test_what_is_covered_is_there(extension: Any) -> None:
    """Each parameter, fault and guarantee has tests, and these exist."""
    covered = extension["covered"]
    assert set(covered.PARAMETERS) == set(inspect.signature(mixed_norm).parameters)
    named = {fault.test for fault in covered.FAULTS}
    for tests in (*covered.PARAMETERS.values(), *covered.GUARANTEES.values()):
        assert tests
        named |= set(tests)
    assert named <= defined_tests(), named - defined_tests()


def test_every_guarantee_is_covered(extension: Any) -> None:
    """Each guarantee on its page, but for the limits, begins with bold words `covered` knows."""
    guarantees = read("docs/guarantees.md").split("## Input")[1].split("## Limits")[0]
    items = re.findall(r"^- (.*)", guarantees, re.MULTILINE)
    leads = [re.match(r"\*\*(.+?)\*\*", item) for item in items]
    assert len(items) > 20
    assert [lead and lead[1] for lead in leads] == list(extension["covered"].GUARANTEES)


def test_every_fault_is_told(extension: Any) -> None:
    """Each test of a fault of MNE's is of a fault or a difference, but for those of cost alone."""
    covered = extension["covered"]
    told = {fault.test for fault in covered.FAULTS}
    told |= {test for tests in covered.PARAMETERS.values() for test in tests}
    (path,) = (ROOT / "tests").rglob("test_faults.py")
    source = path.read_text(encoding="utf-8")
    assert set(re.findall(r"^def (test_\w+)", source, re.MULTILINE)) - told <= {
        "test_11_blocks_are_not_visited_in_python",
        "test_14_the_working_set_grows_by_what_is_new",
        "test_14_weights_of_dying_locations_are_harmless",
    }


def test_differences_are_one_list(extension: Any) -> None:
    """Docstring and page of comparison have the differences from MNE word for word."""
    parameters = inspect.signature(mixed_norm).parameters
    assert {one.parameter for one in DIFFERENCES} | set(REMARKS) <= set(parameters)
    assert listed() in (inspect.getdoc(mixed_norm) or "")
    assert "{include} generated/differences.md" in read("docs/compare.md")
    # Every column is filled from the same sentences.
    said = " ".join(row[3] for row in extension["tables"].parameters())
    for one in DIFFERENCES:
        assert extension["tables"].plain_code(one.sentence) in said


@pytest.mark.parametrize("page", USER_PAGES)
def test_user_pages_name_no_tests(page: str) -> None:
    """Names of tests mean nothing to who does not change the code."""
    if page != "docs/design.md":
        assert not re.search(r"`test_\w+|::test_", read(page))


def test_versions_of_mne_are_told() -> None:
    """The page on MNE names the versions that `use_in_mne` is tested with."""
    assert all(version in read("docs/compare.md") for version in TESTED)


def test_every_public_name_is_in_the_api(extension: Any) -> None:
    """Once, under one subject."""
    listed = [
        name for names in extension["pages"].api().values() for name in names if "." not in name
    ]
    public = [name for name in mxne_rs.__all__ if not name.startswith("__")]
    assert sorted(listed) == sorted(public)


def test_files_that_pages_name_are_there() -> None:
    """Paths in code on pages about the project lead to files of it."""
    pages = ("docs/design.md", "docs/guarantees.md", "CONTRIBUTING.md", "README.md", "SECURITY.md")
    for page in pages:
        for path in re.findall(r"`((?:rust|python|docs|tests|evidence|benches|examples)/[^` ]*)`",
                               read(page)):  # fmt: skip
            assert (ROOT / path).exists(), f"{page}: {path}"


# --- rows that no other test covers --------------------------------------------------------------


def agree(simulated: Any, **options: Any) -> Any:
    """Solve by MNE and here, and compare; returns ours."""
    from mne.inverse_sparse import mixed_norm as theirs

    tight = {"alpha": 20, "debias": False, "tol": 1e-9, "maxit": 10_000, **options}
    ours = mixed_norm(*simulated, **tight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = theirs(*simulated, solver="bcd", **tight)
    np.testing.assert_array_equal(ours.vertices[0], reference.vertices[0])
    atol = 1e-4 * abs(reference.data).max()
    np.testing.assert_allclose(ours.data, reference.data, rtol=0, atol=atol)
    return ours


def differ(a: Any, b: Any) -> bool:
    """Tell whether two estimates differ by more than a thousandth of the peak."""
    same = np.array_equal(a.vertices[0], b.vertices[0])
    return not same or bool(abs(a.data - b.data).max() > 1e-3 * abs(a.data).max())


def test_depth(simulated: Any) -> None:
    """MNE's answer, which depends on it; None is 0, a number is an exponent."""
    none, some = agree(simulated, depth=None), agree(simulated, depth=0.4)
    assert differ(none, some)
    np.testing.assert_array_equal(agree(simulated, depth=0).data, none.data)
    np.testing.assert_array_equal(agree(simulated, depth={"exp": 0.4}).data, some.data)


def test_rank(simulated: Any) -> None:
    """A smaller rank is a smaller whitener; the answer is MNE's."""
    full = agree(simulated)
    assert differ(full, agree(simulated, rank={"meg": 60}))
    np.testing.assert_array_equal(agree(simulated, rank="full").data, full.data)


def test_dgap_freq(simulated: Any) -> None:
    """Without effect, and checked as MNE does."""
    expected = mixed_norm(*simulated, alpha=20).data
    for dgap_freq in (1, 50, np.inf):
        np.testing.assert_array_equal(
            mixed_norm(*simulated, alpha=20, dgap_freq=dgap_freq).data, expected
        )
    with pytest.raises(ValueError, match="dgap_freq"):
        mixed_norm(*simulated, alpha=20, dgap_freq=0)


def curve(simulated: Any, **options: Any) -> Any:
    """Return the curve of SURE on a grid that does not reach down to its minimum."""
    grid = [80.0, 50.0, 30.0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        _, solution = mixed_norm(
            *simulated, "sure", sure_alpha_grid=grid, return_solution=True, **options
        )
    return solution.sure


def test_streams(simulated: Any) -> None:
    """Each seed its curve: `rng` of the new stream, `random_state` of the old one; not both."""
    first, again, other = (curve(simulated, rng=seed).values for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    legacy = curve(simulated, random_state=0).values
    assert (legacy != first).any()
    same = curve(simulated, random_state=np.random.RandomState(0)).values
    np.testing.assert_array_equal(same, legacy)
    new = curve(simulated, rng=np.random.default_rng(0)).values
    np.testing.assert_array_equal(new, first)
    with pytest.raises(TypeError, match="rng and random_state"):
        mixed_norm(*simulated, "sure", rng=0, random_state=0)


def test_sure_directions(simulated: Any) -> None:
    """The curve of two directions is the mean of two curves of one, drawn one after the other."""
    both = curve(simulated, rng=0, sure_directions=2)
    stream = np.random.default_rng(0)
    each = [curve(simulated, rng=stream) for _ in range(2)]
    mean = np.mean([one.dof for one in each], axis=0)
    np.testing.assert_allclose(both.dof, mean, rtol=1e-6)


def test_surrogate(simulated: Any) -> None:
    """The logarithm is another penalty, certified as well."""
    options = {"alpha": 30, "n_mxne_iter": 5, "debias": False, "return_solution": True}
    root, solution = mixed_norm(*simulated, **options)
    log, other = mixed_norm(*simulated, surrogate="log", **options)
    assert solution.converged
    assert other.converged
    assert other.objective != pytest.approx(solution.objective)
    assert differ(root, log)
    with pytest.raises(ValueError, match="surrogate"):
        mixed_norm(*simulated, surrogate="cube", **options)


def test_amplitude_unit(simulated: Any) -> None:
    """A covariance of another scale is another unit of MNE's, and no other "relative" one."""
    evoked, forward, noise_cov = simulated
    louder = noise_cov.copy()
    louder["data"] = 1e4 * louder["data"]
    options = {"alpha": 30, "n_mxne_iter": 5, "debias": False, "tol": 1e-8}
    theirs = mixed_norm(evoked, forward, noise_cov, **options)
    named = mixed_norm(evoked, forward, noise_cov, amplitude_unit="mne", **options)
    np.testing.assert_array_equal(theirs.data, named.data)
    relative, same = (
        mixed_norm(evoked, forward, cov, amplitude_unit="relative", **options)
        for cov in (noise_cov, louder)
    )
    assert not differ(relative, same)
    np.testing.assert_allclose(same.data, relative.data, rtol=1e-3, atol=1e-13)
    with pytest.warns(RuntimeWarning, match="reweighting left none"):
        other = mixed_norm(evoked, forward, louder, **options)
    assert differ(theirs, other)
    with pytest.raises(ValueError, match="amplitude_unit"):
        mixed_norm(*simulated, amplitude_unit="foot", **options)


def test_n_threads(simulated: Any) -> None:
    """The answer is the same to the last bit."""
    one, two = (mixed_norm(*simulated, alpha=20, n_threads=n).data for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_time_limit(simulated: Any) -> None:
    """A solve that runs out of time warns, and says so in its status."""
    with pytest.warns(mxne_rs.ConvergenceWarning, match="time_limit"):
        _, solution = mixed_norm(
            *simulated, alpha=1, time_limit=1e-9, tol=1e-12, return_solution=True
        )
    assert solution.status == "time_limit"
