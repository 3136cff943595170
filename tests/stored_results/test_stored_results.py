"""Every public name answers what it answered at commit 07f690b, before the files were moved.

The expected values were computed by that very commit (`write.py`), not derived from theory: what is
tested here is that answers stay the same; other tests say that they are right. Where everything
that bits depend on is the same (`stored.fingerprint`), answers are the same bit for bit; elsewhere
numbers agree up to rounding, and supports, counts and words are equal.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping

import pytest

import cases
import cases_command
import cases_mne
import cases_other
import mxne_rs
from answers import CASES, HERE, NEEDS, answer_of
from stored import NUMBER, differences, read, what_differs

#: What answers otherwise now, by the name of a case or of a part of its answer, as
#: "refusals.3". Each reason is a sentence of CHANGELOG.md.
WORDS = "The solver itself says which range or choice an argument misses"
SEEN = "Options that were passed on unseen stand in the signature"
RNG = "What was `seed` is `rng`"
REWORDED = "Messages and warnings have other words"
POLISHED = "Newton's steps on the support"
NAMED = "the command line names any rule that needs no number"
RECOMMENDED = "have the recommended setting as defaults"
COLUMNS = "The table of sources has new columns"
#: What that commit did not have.
NEW = {
    "Certainty",
    "Coefficients",
    "Localization",
    "LocalizationPath",
    "Nodewise",
    "SourceBands",
    "bootstrap_sources",
    "certainty",
    "gamma_map",
    "localize",
    "localize_gamma",
    "localize_path",
    "localize_tf",
    "solve_irtf_mxne",
    "solve_tf_mxne",
    "tf_alpha_max",
    "tf_duality_gap",
    "tf_mixed_norm",
}
CHANGED: dict[str, str] = {
    "mixed_norm_with_units.log_0.5.repr": POLISHED,
    **{f"refusals.{number}": REWORDED for number in (36, 46, 55, 56, 64)},
    **dict.fromkeys(
        (
            "gains.warnings",
            "solve_mxne_with_warnings.warnings",
            "solve_path.warnings",
            "solve_batch.warnings",
            "solve_sure.warnings",
            "stream_from_mne.warnings",
            "localize_command.2.err",
            "mixed_norm_refused.4",
            "mixed_norm_refused.14",
            "dipoles_as_an_estimate.refused.lines",
            "solvers.refused.lines",
        ),
        REWORDED,
    ),
    **{
        f"refusals.{number}": WORDS
        for number in (0, 2, 3, 4, 5, 17, 18, 19, 20, 23, 30, 31, 32, 33, 60, 61)
    },
    **dict.fromkeys(
        (
            "localize_command.1.out",
            "localize_command.1.tables.sources",
            "localize_command.2.tables.sources",
            "localize_command_with_options.1.out",
            "localize_command_with_options.1.tables.sources",
            "path_command.1.tables.path-sources",
        ),
        COLUMNS,
    ),
    "mixed_norm_refused.24": "An argument that `mixed_norm_epochs` does not have",
    "mixed_norm_with_units.sqrt_gain": '`amplitude_unit="gain"` of `mixed_norm`',
    "mixed_norm_with_units.log_gain": '`amplitude_unit="gain"` of `mixed_norm`',
    "mixed_norm_with_units.warnings": '`amplitude_unit="gain"` of `mixed_norm`',
    "signatures.mxne_rs.Stream.from_mne": SEEN,
    "signatures.mxne_rs.mixed_norm_epochs": SEEN,
    "signatures.mxne_rs.mixed_norm_raw": SEEN,
    "options_of_commands.localize": RNG,
    "options_of_commands.simulate": RNG,
    "options_of_commands.reproduce": RNG,
    "signatures.simulate.simulate_auditory": RNG,
    "signatures.simulate.simulate_epochs": RNG,
    "signatures.simulate.write_simulation": RNG,
    "signatures.mxne_rs.stability": RNG,
    "solve_irmxne_emptied.warnings": REWORDED,
    "signatures.mxne_rs.Stream": "A `Stream` takes `surrogate` and `tol_reweight`",
    "signatures.mxne_rs.SureCurve": "`SureCurve` has `doubt`",
    "signatures.mxne_rs.solve_path": "15 alphas",
    "signatures.mxne_rs.Solution": "A `Solution` has `method`, `objectives` and `coefficients`",
    "signatures.mxne_rs.solve_batch": "`solve_path` and `solve_batch` take the penalty of TF-MxNE",
    "words.solvers.lines": "`Solver` knows",
    "signatures.mxne_rs.choose_alpha": "`choose_alpha` draws 100 resamples",
    "signatures.mxne_rs.AlphaChoice": "square-root MxNE, which needs no noise level",
    "refusals.44": "`choose_alpha` has two rules more",
    **{f"mixed_norm_refused.{number}": NAMED for number in (0, 1, 2, 3, 13)},
    "path_command.1": RECOMMENDED,
}

#: Cases whose digits differ from about the tenth on, though nothing else does, and why.
UNSCALED = "`mixed_norm` and its kin no longer scale their data by `alpha_max / 100`"
FACTORS = "Factors of `debias` may differ in their last digits"
ROUNDED = {
    **dict.fromkeys(("debias", "solve_sure", "use_in_mne"), FACTORS),
    **dict.fromkeys(
        (
            "mixed_norm",
            "mixed_norm_with_units",
            "mixed_norm_with_sure",
            "mixed_norm_with_outputs",
            "mixed_norm_with_weights",
            "mixed_norm_of_epochs_and_raw",
            "mixed_norm_on_a_cortex",
            "dipoles_as_an_estimate",
            "solvers",
            "stability",
        ),
        UNSCALED,
    ),
}
#: Cases that Newton's steps bring elsewhere within the gap: of them only the words are compared.
WITHIN_THE_GAP = {
    "solve_mxne",
    "solve_sure",
    "choose_alpha",
    "streams",
    "mixed_norm",
    "mixed_norm_with_units",
    "use_in_mne",
    "stream_from_mne",
}
#: Of the unscaled, what is told in the unit of the problem that was solved.
UNITS = {"sources", "amplitude_unit"}
MODULES = (cases, cases_command, cases_mne, cases_other)
FINGERPRINT, STORED = read()


def skip_without(*needs: str) -> None:
    """Skip where MNE, scikit-learn or the real data are not there."""
    if "mne" in needs:
        # Older ones have no sensors that the simulation is made with.
        pytest.importorskip("mne", minversion="1.12")
    if "sklearn" in needs:
        pytest.importorskip("sklearn")
    if "data" in needs and not cases_mne.DATA.is_dir():
        pytest.skip("no real data here")


def other_words(stored: object, answer: Mapping[str, object], key: str) -> bool:
    """Say whether a text differs in more than its numbers; what is no text does not count."""
    texts = [one for one in (stored, answer.get(key)) if isinstance(one, str)]
    return isinstance(stored, str) and len({tuple(NUMBER.split(text)) for text in texts}) != 1


def unordered(signature: str) -> list[str]:
    """Take a signature apart, so that the order of its keywords does not count."""
    positional, _, keywords = signature.strip("()").partition("*, ")
    return [positional, *sorted(keywords.split(", "))]


@pytest.mark.parametrize("name", CASES)
def test_answer_is_the_stored_one(name: str) -> None:
    skip_without(*NEEDS[name])
    may_differ = name in ROUNDED or name in WITHIN_THE_GAP
    exactly = not what_differs(FINGERPRINT, *NEEDS[name]) and not may_differ
    stored, answer = STORED[name], answer_of(name)
    if name == "signatures":
        stored, answer = ({k: unordered(v) for k, v in one.items()} for one in (stored, answer))
    found = differences(stored, answer, exactly)
    if ROUNDED.get(name) == UNSCALED:
        found = {key: text for key, text in found.items() if not UNITS & set(key.split("."))}
    if name in WITHIN_THE_GAP:
        found = {key: text for key, text in found.items() if other_words(stored[key], answer, key)}
    excuses = {one: f"{one}." for one in CHANGED if one.split(".")[0] == name}
    excused = {
        key: [one for one in excuses if f"{name}.{key}.".startswith(excuses[one])] for key in found
    }
    told = [f"{key}: {text}" for key, text in found.items() if not excused[key]]
    assert not told, "\n".join(["bit for bit" if exactly else "up to rounding", *told])
    needless = set(excuses).difference(*excused.values())
    assert not (exactly and needless), f"the same as ever: {needless}"


def test_answers_are_compared_bit_for_bit_here() -> None:
    """Or it says why not: what is skipped is seen."""
    reasons = what_differs(FINGERPRINT, "mne", "sklearn")
    if reasons:
        pytest.skip(f"up to rounding only: {'; '.join(reasons)}")


def test_every_exception_is_in_the_changelog() -> None:
    text = " ".join((HERE.parents[1] / "CHANGELOG.md").read_text(encoding="utf-8").split())
    polished = dict.fromkeys(WITHIN_THE_GAP, POLISHED)
    for name, reason in [*CHANGED.items(), *ROUNDED.items(), *polished.items()]:
        assert name.split(".")[0] in CASES
        assert reason and " ".join(reason.split()) in text


def test_every_case_is_stored() -> None:
    assert set(CASES) == set(STORED)


def test_every_public_name_has_a_case() -> None:
    """It is called by a case, or the type of what one answers."""
    sources = "".join(inspect.getsource(one) for one in MODULES)
    called = set(re.findall(r"\bmxne_rs\.(\w+)\b", sources))
    types = {
        leaf
        for leaves in STORED.values()
        for key, leaf in leaves.items()
        if key.rsplit(".", 1)[-1] == "type"
    }
    assert not set(mxne_rs.__all__) - called - types - NEW


@pytest.mark.parametrize(("factor", "beyond_rounding"), [(1 + 2**-52, False), (1 + 1e-6, True)])
@pytest.mark.parametrize("key", ["default.sources", "default.primal"])
def test_a_change_of_one_bit_is_seen(key: str, factor: float, beyond_rounding: bool) -> None:
    """Where bits are compared; elsewhere what is beyond rounding."""
    stored = STORED["solve_mxne"]
    changed = {**stored, key: stored[key] * factor}
    assert list(differences(stored, changed, exactly=True)) == [key]
    assert list(differences(stored, changed, exactly=False)) == [key] * beyond_rounding
