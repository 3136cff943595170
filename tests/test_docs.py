"""The documentation tells what is there: its tables and lists against the package and the tests.

That the examples run is checked by `make docs`, which runs them. The table of parameters names a
test for each; those that have none elsewhere have it here.
"""

from __future__ import annotations

import inspect
import re
import sys
import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest

import mxne_rs
from mxne_rs import mixed_norm
from mxne_rs.inverse.in_mne import TESTED
from places import ROOT

DOCS = ROOT / "docs"


class Row(NamedTuple):
    """A row of the table of parameters."""

    name: str
    default: str
    meaning: str
    beside_mne: str
    test: str


def table() -> list[Row]:
    """Return the rows of docs/parameters.md, without its heading."""
    lines = (DOCS / "parameters.md").read_text(encoding="utf-8").splitlines()
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("| `")]
    return [Row(*(cell.strip() for cell in row)) for row in cells]


def named_in(text: str) -> list[tuple[str, str]]:
    """Return each (file, test) that a text names."""
    return re.findall(r"`(\w+\.(?:py|rs))::(\w+)`", text)


def file_of_tests(name: str) -> str:
    """Return the text of a file below tests/, in whichever folder it is."""
    (path,) = (ROOT / "tests").rglob(name)
    return path.read_text(encoding="utf-8")


def require_tests(named: list[tuple[str, str]]) -> None:
    """Fail where a test that is named is not in its file."""
    for file, test in named:
        source = file_of_tests(file)
        assert re.search(rf"^(?:def|fn) {test}\(", source, re.MULTILINE), f"{file} has no {test}"


# --- tables and lists ----------------------------------------------------------------------------


def test_every_parameter_has_its_row() -> None:
    """One row for each parameter of `mixed_norm`, in its order, with its default."""
    expected = [
        (f"`{one.name}`", "required" if one.default is one.empty else f"`{one.default!r}`")
        for one in inspect.signature(mixed_norm).parameters.values()
    ]
    assert [(row.name, row.default) for row in table()] == expected
    assert all(row.meaning and row.test for row in table())


def test_new_parameters_are_called_new() -> None:
    """Those after MNE's own, and no others."""
    names = [row.name for row in table()]
    new = names[names.index("`random_state`") + 1 :]
    assert [row.name for row in table() if row.beside_mne.startswith("New")] == new


@pytest.mark.parametrize("page", ["parameters.md", "compare.md"])
def test_named_tests_are_there(page: str) -> None:
    """Each test that a table names exists, in the file named."""
    text = (DOCS / page).read_text(encoding="utf-8")
    named = named_in(text)
    rows = [line for line in text.splitlines() if "test_" in line and line.startswith("|")]
    assert len(rows) > 10
    assert all(named_in(line) for line in rows)
    require_tests(named)


def test_every_guarantee_names_its_test() -> None:
    """Each sentence of SECURITY.md, up to what is not promised, with tests that are there."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    promises = re.split(r"\n- ", text.partition("## What is not promised")[0])[1:]
    assert len(promises) > 20
    for promise in promises:
        assert named_in(promise), promise
    require_tests(named_in(text))


def test_every_fault_is_told() -> None:
    """Each test of a fault of MNE's is on the page, but those of cost alone."""
    source = file_of_tests("test_faults.py")
    page = (DOCS / "compare.md").read_text(encoding="utf-8")
    missing = [name for name in re.findall(r"^def (test_\w+)", source, re.M) if name not in page]
    assert set(missing) <= {
        "test_11_blocks_are_not_visited_in_python",
        "test_14_the_working_set_grows_by_what_is_new",
        "test_14_weights_of_dying_locations_are_harmless",
    }


def test_versions_of_mne_are_told() -> None:
    """The page on MNE names the versions that `use_in_mne` is tested with."""
    page = (DOCS / "compare.md").read_text(encoding="utf-8")
    assert all(version in page for version in TESTED)


def test_every_public_name_is_in_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, under one subject."""
    monkeypatch.syspath_prepend(DOCS / "_ext")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    import pages

    listed = [name for names in pages.api().values() for name in names if "." not in name]
    public = [name for name in mxne_rs.__all__ if not name.startswith("__")]
    assert sorted(listed) == sorted(public)


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
