"""List where a localization comes from: data, model, settings, files, software, papers."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._arguments.convert import one_line
from .._arguments.extras import import_mne, mne
from .._core import __version__
from ..inverse.covariance import first_few
from ..inverse.data import compensation_grade
from ..inverse.localized import Localized

Lines = list[tuple[str, str]]

#: What to cite for each method, after the software itself.
PAPERS = {
    "MxNE": ("Gramfort, Kowalski & Hämäläinen 2012, Phys. Med. Biol. 57, 1937",
             "https://doi.org/10.1088/0031-9155/57/7/1937"),
    "irMxNE": ("Strohmeier, Bekhti, Haueisen & Gramfort 2016, IEEE Trans. Med. Imaging 35, 2218",
               "https://doi.org/10.1109/TMI.2016.2553445"),
    "TF-MxNE": ("Gramfort, Strohmeier, Haueisen, Hämäläinen & Kowalski 2013, NeuroImage 70, 410",
                "https://doi.org/10.1016/j.neuroimage.2012.12.051"),
    "irTF-MxNE": ("Strohmeier, Gramfort & Haueisen 2015, PRNI, 21",
                  "https://doi.org/10.1109/PRNI.2015.14"),
    "gamma-MAP": ("Wipf & Nagarajan 2009, NeuroImage 44, 947",
                  "https://doi.org/10.1016/j.neuroimage.2008.02.059"),
}  # fmt: skip
#: Which papers a method rests on.
RESTS_ON = {
    "MxNE": ("MxNE",),
    "irMxNE": ("MxNE", "irMxNE"),
    "TF-MxNE": ("MxNE", "TF-MxNE"),
    "irTF-MxNE": ("TF-MxNE", "irTF-MxNE"),
    "gamma-MAP": ("gamma-MAP",),
}


def describe_data(localization: Localized) -> Lines:
    """List what the data and the model were, in numbers."""
    info, forward, model = localization.info, localization.forward, localization.model
    kinds = info.get_channel_types()
    channels = [f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)]
    projections = [
        f"{one_line(str(one['desc']))} ({'applied' if one['active'] else 'not applied'})"
        for one in info["projs"]
    ]
    ranks = mne.compute_rank(
        model.noise_cov, rank=model.options["rank"], info=info, verbose="ERROR"
    )
    filters = f"{info['highpass']:g} to {info['lowpass']:g} Hz"
    averages = ", ".join(f"{one.nave:g}" for one in localization.evokeds)
    custom = info.get("custom_ref_applied", 0)
    return [
        ("channels", ", ".join(channels)),
        ("sampling rate", f"{info['sfreq']:g} Hz"),
        ("filters", filters),
        ("averages", averages),
        ("projections", first_few(projections, 12) if projections else "none"),
        ("EEG reference", "custom" if custom else "as recorded, or by projection"),
        ("compensation", str(compensation_grade(info) or "none")),
        ("rank", ", ".join(f"{value} {kind}" for kind, value in ranks.items())
                 + f"; {model.whitener.shape[0]} in all"),
        ("noise covariance", _covariance(model.noise_cov)),
        *_source_space(forward),
    ]  # fmt: skip


def _covariance(noise_cov: Any) -> str:
    method = noise_cov.get("method") or "method unknown"
    form = "diagonal, " if noise_cov["diag"] else ""
    samples = int(noise_cov["nfree"])
    of = f", {samples} samples" if samples > 1 else ""
    return f"{form}{method}{of}"


def _source_space(forward: Any) -> Lines:
    src = forward["src"]
    used = [int(space["nuse"]) for space in src]
    subject = one_line(str(src[0].get("subject_his_id") or "unknown"))
    made = one_line(str(forward["info"].get("command_line") or "unknown"))
    shift = ", ".join(f"{1000 * x:.1f}" for x in forward["mri_head_t"]["trans"][:3, 3])
    return [
        ("source space", f"{src.kind}, {' + '.join(map(str, used))} locations"),
        ("subject", subject),
        ("head model", f"that of the forward solution, which does not hold it; made by: {made}"),
        ("MRI to head", f"shifted by ({shift}) mm"),
    ]


def describe_settings(localization: Localized) -> Lines:
    """List the settings of the solve, with 'auto' and rules resolved to numbers."""
    solution, options = localization.solution, localization.model.options
    found: dict[str, Any] = dict(localization.settings)
    found |= {"loose": resolved_loose(localization), "depth": _number(options["depth"])}
    if solution.method != "gamma-MAP":
        by = f" (chosen by {localization.chosen_by})" if localization.chosen_by else ""
        found["alpha"] = f"{localization.alpha:.6g} %{by}"
    if solution.amplitude_unit is not None:
        unit = localization.settings.get("amplitude_unit", "")
        found["amplitude_unit"] = f"{solution.amplitude_unit:.6g} ({unit})"
    return [(name, _text(value)) for name, value in found.items() if value is not None]


def resolved_loose(localization: Localized) -> str:
    """Return `loose` as a number: 0 for fixed orientation, MNE's choice for 'auto'."""
    loose = localization.model.options["loose"]
    if localization.n_orient == 1:
        return "0 (fixed orientation)"
    if loose != "auto":
        return _text(loose)
    kind = localization.forward["src"].kind
    return {"surface": "0.2 (auto)", "mixed": "0.2 on surfaces, 1 in volumes (auto)"}.get(
        kind, "1 (auto)"
    )


def _number(depth: Any) -> Any:
    return 0.8 if isinstance(depth, str) else 0 if depth is None else depth


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "-", False: "no", True: "yes"}[value]
    if isinstance(value, np.ndarray):
        return f"array of shape {value.shape}" if value.size > 20 else _text(value.tolist())
    if isinstance(value, tuple | list):
        return " ".join(_text(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_text(one)}" for name, one in value.items())
    return f"{value:g}" if isinstance(value, float) else one_line(str(value))


def describe_files(command: str | None, files: Mapping[str, str] | None) -> Lines:
    """List the command line, and each file with its size and SHA-256."""
    lines = [] if command is None else [("command", one_line(command))]
    for name, path in (files or {}).items():
        # The name alone: where a file lies on one's machine is nobody else's business.
        lines.append((name, f"{one_line(Path(path).name)}: {_fingerprint(Path(path))}"))
    return lines


def _fingerprint(path: Path) -> str:
    if not path.is_file():
        return "not a file"
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return f"{path.stat().st_size} bytes, SHA-256 {digest.hexdigest()}"


def references(localization: Localized) -> Lines:
    """List the papers to cite for the method."""
    names = RESTS_ON.get(localization.solution.method, ("MxNE",))
    return [(name, ", ".join(PAPERS[name])) for name in names]


def versions() -> Lines:
    """List the versions of the software that computed the report."""
    return [
        ("mxne_rs", __version__),
        ("mne", import_mne().__version__),
        ("numpy", np.__version__),
        ("python", platform.python_version()),
        ("platform", platform.platform()),
    ]
