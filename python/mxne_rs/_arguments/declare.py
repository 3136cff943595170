"""Declare options once: signatures, defaults and docstrings of all functions come from a table.

A table is a `TypedDict` whose fields are ``Annotated[type, Option(...)]``; a text beside it has the
descriptions, as a docstring has them. A function that takes ``**options: Unpack[Table]`` and is
decorated with ``takes(Table)`` gets a signature with every option, an error for names that are
none, and the text of each in its docstring. Sections of a docstring that functions share, such as
Raises, stand in that of their table of inputs.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_type_hints

if TYPE_CHECKING:
    from typing_extensions import Unpack as Unpack
else:  # annotations only, which are not evaluated; in `typing` since Python 3.11
    Unpack = Any

F = TypeVar("F", bound=Callable[..., Any])

#: The default of a required option.
REQUIRED = inspect.Parameter.empty
#: Where a section of a numpydoc docstring begins; the sections in their order.
HEADING = re.compile(r"^(?=\w+\n---)", re.MULTILINE)
SECTIONS = (
    "Parameters", "Attributes", "Returns", "Raises", "Warns", "Notes", "References", "Examples",
)  # fmt: skip


class Option(NamedTuple):
    """An option of a table: its default, description and check."""

    default: Any
    #: The description in docstrings; or a text that has it in an entry of the option's name.
    text: str
    #: The type in docstrings, where that says more than the annotation.
    kind: str = ""
    #: ``check(name, value)`` returns the value in the type that the solver takes, or raises.
    check: Callable[[str, Any], Any] | None = None
    #: The annotation, which `options_of` reads from the table.
    annotation: Any = REQUIRED


def options_of(table: type) -> dict[str, Option]:
    """Return the options of a table by name, each with the kind that docstrings show."""
    options = {}
    for name, hint in get_type_hints(table, include_extras=True).items():
        option = hint.__metadata__[0]
        annotation = getattr(hint.__origin__, "__name__", "") or str(hint.__origin__)
        kind, text = option.kind or annotation.replace(" | ", " or "), option.text
        if name in (entries := entries_of(text)):
            head, text = entries[name].split("\n", 1)
            kind = head.split(" : ")[1]
        options[name] = option._replace(kind=kind, text=text, annotation=annotation)
    return options


@functools.cache
def entries_of(section: str) -> dict[str, str]:
    """Return the entries of a Parameters section by name; several names may share one."""
    entries: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", section.strip("\n")):
        for name in entry.split("\n")[0].split(" : ")[0].split(", "):
            entries.setdefault(name.lstrip("*"), entry)
    return entries


def takes(table: type, *described: type, **defaults: Any) -> Callable[[F], F]:
    """Decorate a function with the options of a table; ``defaults`` replaces those of the table.

    The tables ``described`` hold texts for parameters that the function declares by name, and
    sections for functions without their own.
    """
    options = options_of(table)
    known = {name: one.default for name, one in options.items()} | defaults
    texts = {name: one for other in described for name, one in options_of(other).items()}
    texts |= {name: one._replace(default=known[name]) for name, one in options.items()}

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
        given = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=default,
                annotation=options[name].annotation,
            )
            for name, default in known.items()
        ]
        names = {one.name for one in own} | known.keys()

        @functools.wraps(function)
        def decorated(*args: Any, **keywords: Any) -> Any:
            for name in keywords:
                if name not in names:
                    raise TypeError(
                        f"{function.__name__}() got an unexpected keyword argument {name!r}"
                    )
            return function(*args, **{**known, **keywords})

        parameters = [*own, *given]
        decorated.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        doc = with_sections(function.__doc__, *(table.__doc__ for table in described))
        decorated.__doc__ = with_parameters(doc, _described(parameters, texts))
        return decorated  # type: ignore[return-value]

    return decorate


def documents(*tables: type) -> Callable[[F], F]:
    """Decorate a class or function that declares its parameters with the texts of tables."""
    texts = {name: one for table in tables for name, one in options_of(table).items()}

    def decorate(target: F) -> F:
        parameters = inspect.signature(target).parameters.values()
        target.__doc__ = with_parameters(target.__doc__, _described(parameters, texts))
        return target

    return decorate


def _described(
    parameters: Iterable[inspect.Parameter], texts: Mapping[str, Option]
) -> dict[str, Option | None]:
    """Return the text of each parameter, with the default of the signature; None without text."""
    return {
        one.name: texts[one.name]._replace(default=one.default) if one.name in texts else None
        for one in parameters
    }


def with_sections(doc: str | None, *others: str | None) -> str:
    """Return a docstring with the sections of others that it does not have itself.

    A docstring without any section stays as it is.
    """
    own, *sections = HEADING.split(inspect.cleandoc(doc or ""))
    if not sections:
        return own
    shared = [one for other in others for one in HEADING.split(inspect.cleandoc(other or ""))[1:]]
    titled = {one.split("\n")[0]: one.rstrip("\n") for one in (*shared, *sections)}
    sections = [titled[title] for title in sorted(titled, key=SECTIONS.index)]
    return "\n\n".join([own.rstrip("\n"), *sections]) + "\n"


def with_parameters(doc: str | None, described: Mapping[str, Option | None]) -> str:
    """Return a docstring whose Parameters section has an entry for each name, in this order.

    Entries that the docstring already has stay.
    """
    heading = "Parameters\n----------\n"
    head, found, rest = with_sections(doc, heading).partition(heading)
    if not found:
        return head
    own, *others = HEADING.split(rest)
    written = entries_of(own)
    entries: list[str] = []
    for name, option in described.items():
        entry = written.get(name) or (option and _entry(name, option))
        if entry and entry not in entries:
            entries.append(entry)
    entries += [entry for entry in written.values() if entry and entry not in entries]
    section = "\n".join([*entries, "", "".join(others)])
    return head + heading + section.rstrip("\n") + "\n"


def _entry(name: str, option: Option) -> str:
    default = "" if option.default is REQUIRED else f", default {option.default!r}"
    lines = inspect.cleandoc(option.text).split("\n")
    return "\n".join(
        [f"{name} : {option.kind}{default}", *(f"    {one}".rstrip() for one in lines)]
    )
