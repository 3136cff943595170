"""Options are declared once: signatures, defaults and docstrings of all functions agree."""

from __future__ import annotations

import inspect
import sys
from typing import Any, get_type_hints

import numpy as np
import pytest

import mxne_rs
from mxne_rs import localize_path
from mxne_rs._arguments.declare import Option, options_of, takes
from mxne_rs.alpha.choose import ChooseOptions
from mxne_rs.alpha.sure import SureOptions
from mxne_rs.inverse.options import EpochsOptions, LocalizeOptions, ModelOptions
from mxne_rs.live.options import WindowOptions
from mxne_rs.solve import options as tables
from places import ROOT

#: Every function on arrays, with the table of its options.
ON_ARRAYS = {
    "solve_mxne": tables.SolveOptions,
    "solve_irmxne": tables.IrmxneOptions,
    "solve_path": tables.PathOptions,
    "solve_batch": tables.BatchOptions,
    "solve_sure": SureOptions,
    "choose_alpha": ChooseOptions,
    "Stream": WindowOptions,
    "alpha_max": tables.PenaltyOptions,
    "duality_gap": tables.RidgeOptions,
}
ON_MNE_OBJECTS = {
    "mixed_norm": LocalizeOptions,
    "mixed_norm_epochs": EpochsOptions,
    "mixed_norm_raw": EpochsOptions,
    "stability": ModelOptions,
}
ALL = ON_ARRAYS | ON_MNE_OBJECTS


@pytest.mark.parametrize("name", ALL)
def test_signature_and_docstring_have_every_option_of_the_table(name: str) -> None:
    """With the type of the table, and its whole text."""
    function, table = getattr(mxne_rs, name), options_of(ALL[name])
    parameters = inspect.signature(function).parameters
    doc = inspect.getdoc(function) or ""
    assert "\n\n\n" not in doc
    assert table.keys() <= parameters.keys()
    assert not any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    for option, known in table.items():
        text = " ".join(inspect.cleandoc(known.text).split())
        assert f"\n{option} : " in doc
        assert text in " ".join(doc.split()) or name == "stability"
    assert set(parameters) <= set(documented(doc))


@pytest.mark.parametrize("name", ALL)
def test_docstring_names_each_default(name: str) -> None:
    """As the signature has it."""
    function = getattr(mxne_rs, name)
    doc = inspect.getdoc(function) or ""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in options_of(ALL[name]):
            kind = documented(doc)[parameter.name]
            assert kind.endswith(f", default {parameter.default!r}")


def test_same_option_same_default() -> None:
    """But for the exceptions that the page of defaults explains, each with its reason."""
    pages = import_pages()
    seen: dict[str, dict[str, Any]] = {}
    for name in ON_ARRAYS:
        for option, known in inspect.signature(getattr(mxne_rs, name)).parameters.items():
            if option in options_of(ON_ARRAYS[name]):
                seen.setdefault(option, {})[name] = known.default
    others = {
        (name, option)
        for option, defaults in seen.items()
        for name, default in defaults.items()
        if default != tables_default(option)
    }
    explained = {one for one in pages.OTHER_DEFAULTS if one[0] in ON_ARRAYS and one[1] in seen}
    assert others == explained


def test_page_of_defaults_is_that_of_the_signatures() -> None:
    """Each row has the defaults of all entry points."""
    text = import_pages().defaults_page()
    for name, option in import_pages().OTHER_DEFAULTS:
        default = inspect.signature(getattr(mxne_rs, name)).parameters[option].default
        assert f"`{name}`" in text and f"`{default!r}` (" in text
    assert "| `tol` |" in text and "0.0001" in text and "1e-06" in text


def test_unknown_options_are_refused_by_name() -> None:
    """As Python refuses them."""
    for function in (mxne_rs.solve_mxne, mxne_rs.solve_path, mxne_rs.solve_sure):
        with pytest.raises(TypeError, match="unexpected keyword argument 'max_iters'"):
            function(np.eye(2), np.eye(2), 1.0, max_iters=3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'n_mxne_iters'"):
        localize_path(None, None, None, n_mxne_iters=3)


def test_type_checkers_see_the_tables() -> None:
    """What `**options` is annotated with is what the decorator was given."""
    for name, table in ON_ARRAYS.items():
        if name != "Stream":
            wrapped = getattr(mxne_rs, name).__wrapped__
            assert wrapped.__annotations__["options"] == f"Unpack[{table.__name__}]"
            assert get_type_hints(table)


def test_takes_keeps_what_a_docstring_says_itself() -> None:
    """An entry of its own wins over the table's."""

    class Table(dict):  # type: ignore[type-arg]
        __annotations__ = {}

    assert options_of(Table) == {}
    assert Option(1, "text").kind == ""

    @takes(tables.RidgeOptions)
    def function(data: Any, **options: Any) -> Any:
        """Do it.

        Parameters
        ----------
        data : thing
            Mine.
        ridge : float
            Mine too.

        Returns
        -------
        out : Any
        """
        return options

    doc = function.__doc__ or ""
    assert "Mine too." in doc and "additional" not in doc and "Orientations per location" in doc
    assert (
        doc.index("data :") < doc.index("weights :") < doc.index("ridge :") < doc.index("Returns")
    )
    assert function(1, ridge=2.0) == {"n_orient": None, "weights": None, "ridge": 2.0}


def test_functions_share_the_sections_of_their_inputs() -> None:
    """Once, in the order of numpydoc; a section of their own wins."""
    shared = (tables.Inputs.__doc__ or "").split("Raises")[1].split()
    for name in ("solve_path", "solve_batch", "alpha_max", "solve_sure", "choose_alpha"):
        doc = inspect.getdoc(getattr(mxne_rs, name)) or ""
        said = doc.split("\nRaises\n")[1].split("\n\n")[0]
        assert said.split() == shared
        assert doc.index("Returns\n---") < doc.index("Raises\n---") < doc.index("Examples\n---")
    doc = inspect.getdoc(mxne_rs.solve_mxne) or ""
    assert doc.count("Raises\n---") == 1 and "KeyboardInterrupt" in doc


def documented(doc: str) -> dict[str, str]:
    """Return the kind of each parameter that a docstring describes."""
    section = (
        doc.split("Parameters\n----------\n")[1].split("\n\nReturns")[0].split("\n\nRaises")[0]
    )
    found = {}
    for line in section.splitlines():
        if " : " in line and not line.startswith(" "):
            names, kind = line.split(" : ", 1)
            found.update(dict.fromkeys(names.split(", "), kind))
    return found


def tables_default(option: str) -> Any:
    """Return the default of the table."""
    for table in (tables.PathOptions, ChooseOptions, WindowOptions):
        if option in options_of(table):
            return options_of(table)[option].default
    raise KeyError(option)


def import_pages() -> Any:
    """Return the module that writes pages of the documentation."""
    sys.path.insert(0, str(ROOT / "docs" / "_ext"))
    try:
        import pages
    finally:
        sys.path.pop(0)
    return pages
