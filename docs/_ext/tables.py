"""Tables and lists that pages include, written at build time from what the package declares."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence

import covered

import mxne_rs
from mxne_rs._arguments.declare import HEADING, entries_of, options_of
from mxne_rs.inverse.differences import beside_mne, listed
from mxne_rs.inverse.options import LocalizeOptions, MneInputs, ReturnOptions


def plain_code(text: str) -> str:
    """Return text with code in single backticks, as Markdown writes it, on one line."""
    return " ".join(text.replace("``", "`").split())


def table(heading: Sequence[str], rows: Iterable[Sequence[str]], style: str = "") -> str:
    """Return a Markdown table; `style` are classes that style.css knows."""
    lines = [f":::{{rst-class}} {style}", ":::", ""] if style else []
    for cells in (heading, ["---"] * len(heading), *rows):
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def parameters() -> list[tuple[str, str, str, str]]:
    """Return name, default, meaning and difference from MNE of each parameter of `mixed_norm`."""
    options = options_of(MneInputs) | options_of(LocalizeOptions) | options_of(ReturnOptions)
    signature = inspect.signature(mxne_rs.mixed_norm).parameters
    names = list(signature)
    new = names[names.index("random_state") + 1 :]
    rows = []
    for name, one in signature.items():
        default = "required" if one.default is one.empty else f"`{one.default!r}`"
        said = " ".join(filter(None, ["New." if name in new else "", beside_mne(name)]))
        rows.append((f"`{name}`", default, plain_code(options[name].text), plain_code(said)))
    return rows


def parameters_of(function: str) -> list[tuple[str, str, str, str]]:
    """Return the same for another function whose new parameters follow `verbose`."""
    verb = getattr(mxne_rs, function)
    section = HEADING.split(inspect.getdoc(verb) or "")[1]
    entries = entries_of(section.split("----------\n", 1)[1])
    signature = inspect.signature(verb).parameters
    names = list(signature)
    new = names[names.index("verbose") + 1 :]
    rows = []
    for name, one in signature.items():
        default = "required" if one.default is one.empty else f"`{one.default!r}`"
        meaning = entries[name].split("\n", 1)[1]
        said = " ".join(filter(None, ["New." if name in new else "", beside_mne(name, function)]))
        rows.append((f"`{name}`", default, plain_code(meaning), plain_code(said)))
    return rows


def parameters_table(function: str = "mixed_norm") -> str:
    """Return the table of the parameters of a function."""
    rows = parameters() if function == "mixed_norm" else parameters_of(function)
    return table(("Parameter", "Default", "Meaning", "Beside MNE"), rows, "wide parameters")


def differences_list(function: str = "mixed_norm") -> str:
    """Return the list of the differences between a function and MNE's."""
    return listed(function).replace("``", "`") + "\n"


def faults_table() -> str:
    """Return the table of the faults of MNE's function that the package does not have."""
    rows = [(one.in_mne, one.here) for one in covered.FAULTS]
    return table(("In MNE's function", "Here"), rows, "wide faults")
