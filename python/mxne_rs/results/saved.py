"""Write what a localization was made from and what was found, and read it back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from .._arguments.extras import mne
from ..inverse.localized import Localized
from ..inverse.model import Model, prepare_model
from ..solve.coefficients import Coefficients, Stft
from ..solve.solution import Record, Solution, SureCurve

#: Names of the files, in the folder of results.
DATA, FORWARD, NOISE_COV = "data-ave.fif", "forward-fwd.fif", "noise-cov.fif"
#: Arrays of a localization beside those of its solution.
ARRAYS = ("amplitudes", "factors", "gain", "data", "mni")


def write_inputs(localization: Localized, folder: Path) -> None:
    """Write data, forward solution and noise covariance in MNE's formats."""
    model = localization.model
    mne.write_evokeds(folder / DATA, localization.evokeds, overwrite=True, verbose="ERROR")
    mne.write_forward_solution(folder / FORWARD, model.forward, overwrite=True, verbose="ERROR")
    mne.write_cov(folder / NOISE_COV, model.noise_cov, overwrite=True, verbose="ERROR")


def write_answer(localization: Localized, file: Path) -> None:
    """Write all that the inputs do not hold as arrays of NumPy (.npz)."""
    arrays: dict[str, Any] = {}
    texts: dict[str, Any] = {
        "left_out": localization.left_out,
        "regions": localization.regions,
        "settings": {name: _plain(value) for name, value in localization.settings.items()},
        "model": {
            name: _plain(value)
            for name, value in localization.model.options.items()
            if name != "weights"
        },
    }
    _put(arrays, texts, "solution", localization.solution)
    arrays |= {name: getattr(localization, name) for name in ARRAYS}
    arrays["model_weights"] = localization.model.options["weights"]
    present = {name: value for name, value in arrays.items() if value is not None}
    np.savez_compressed(file, texts=np.array(json.dumps(texts)), **present)


def read_inputs(folder: Path, answer: Path) -> tuple[list[Any], Model]:
    """Read the data of a folder, and prepare the model again."""
    missing = [name for name in (DATA, FORWARD, NOISE_COV) if not (folder / name).is_file()]
    if missing or not answer.is_file():
        raise ValueError(
            f"folder is {str(folder)!r}, which has no {(missing or [answer.name])[0]}; give one "
            "that was written by save(folder), with with_inputs=True"
        )
    evokeds = mne.read_evokeds(folder / DATA, verbose="ERROR")
    forward = mne.read_forward_solution(folder / FORWARD, verbose="ERROR")
    noise_cov = mne.read_cov(folder / NOISE_COV, verbose="ERROR")
    with np.load(answer, allow_pickle=False) as stored:
        options = json.loads(str(stored["texts"]))["model"]
        weights = stored.get("model_weights")
    model = prepare_model(evokeds[0].info, forward, noise_cov, weights=weights, **options)
    return evokeds, model


def read_answer(file: Path, evokeds: Sequence[Any], model: Model) -> Localized:
    """Read an answer that `write_answer` wrote, for the data and model that it belongs to."""
    with np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    texts = json.loads(str(arrays["texts"]))
    solution = _solution(arrays, texts)
    return Localized(
        evokeds=list(evokeds),
        forward=model.forward,
        info=model.info,
        solution=solution,
        active=solution.active_set,
        n_orient=model.n_orient,
        left_out=texts["left_out"],
        model=replace(model, left_out=texts["left_out"]),
        regions=texts["regions"],
        settings=texts["settings"],
        **{name: arrays.get(name) for name in ARRAYS},  # type: ignore[arg-type]
    )


def _put(arrays: dict[str, Any], texts: dict[str, Any], name: str, value: Any) -> None:
    """Split a data class into its arrays and its numbers and words, by name."""
    texts[name] = {}
    for one in (field.name for field in fields(value)):
        content = getattr(value, one)
        if one == "history":
            arrays[f"{name}.history"] = np.array(content, dtype=float).reshape(-1, 4)
        elif isinstance(content, np.ndarray):
            arrays[f"{name}.{one}"] = content
        elif isinstance(content, SureCurve | Coefficients):
            _put(arrays, texts, f"{name}.{one}", content)
        else:
            texts[name][one] = content


def _get(kind: type, arrays: dict[str, Any], texts: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the fields of a data class that `_put` split."""
    found = dict(texts[name])
    for one in (field.name for field in fields(kind)):
        if f"{name}.{one}" in arrays:
            found[one] = arrays[f"{name}.{one}"]
    return found


def _solution(arrays: dict[str, Any], texts: dict[str, Any]) -> Solution:
    found = _get(Solution, arrays, texts, "solution")
    rows = found["history"].tolist()
    found["history"] = tuple(Record(int(n), primal, gap, int(k)) for n, primal, gap, k in rows)
    if "solution.sure" in texts:
        found["sure"] = SureCurve(**_get(SureCurve, arrays, texts, "solution.sure"))
    if "solution.coefficients" in texts:
        parts = _get(Coefficients, arrays, texts, "solution.coefficients")
        parts["stfts"] = tuple(Stft(*one) for one in parts["stfts"])
        found["coefficients"] = Coefficients(**parts)
    return Solution(**found)


def _plain(value: Any) -> Any:
    """Return a setting as JSON can hold it; what it cannot hold as a text."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)
