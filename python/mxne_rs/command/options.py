"""Options that several commands share, each declared once, and what all commands are parsed by."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from ..inverse.localize import localize
from ..inverse.settings import look_like_parts
from ..solve.single import solve_irmxne
from . import values
from .console import Answer
from .wording import WrongInput


class Parser(argparse.ArgumentParser):
    """One whose complaints are single lines, like all others of this program."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving."""
        raise WrongInput(f"{message.removeprefix('argument ')}; see '{self.prog} --help'")


def default_of(function: Callable[..., Any], name: str) -> Any:
    """Default of a parameter: an option that stands for it has the same."""
    return inspect.signature(function).parameters[name].default


class Option(NamedTuple):
    """An option, as its help shows it.

    The spelling is its name and a word for each of its values, in brackets where it may be left
    out. A name alone is a flag, unless there are choices. The help ends in the default, unless the
    text says it in other words.
    """

    spelling: str
    text: str
    kind: Callable[[str], Any] | None = None
    default: Any = None
    choices: Sequence[str] | None = None
    action: type[argparse.Action] | None = None
    required: bool = False

    def add(self, group: Any) -> None:
        """Add it to a parser, or to a group of options."""
        name, *words = self.spelling.split()
        how: dict[str, Any] = {"help": self.text, "default": self.default}
        if self.default is not None and "(default: " not in self.text:
            shown = "%(default)g" if isinstance(self.default, float) else "%(default)s"
            how["help"] += f" (default: {shown})"
        if self.choices:
            how["choices"] = self.choices
        elif not words:
            how |= {"action": "store_true", "default": False}
        elif len(words) == 1:
            how |= {"type": self.kind, "metavar": words[0].strip("[]")}
        else:
            how |= {"type": self.kind, "metavar": tuple(words), "nargs": len(words)}
        if self.spelling.endswith("]"):
            how |= {"nargs": "?", "const": ""}
        if self.action:
            how["action"] = self.action
        if self.required:
            how["required"] = True
        group.add_argument(name, **how)


#: Options of several commands; their defaults are those of the functions that they are handed to.
SHARED = (
    Option("--out DIR", "folder for the results, made if need be", required=True),
    Option("--forward FILE", "forward solution (-fwd.fif)", required=True),
    Option("--noise-cov FILE", "noise covariance (-cov.fif)", required=True),
    Option("--rng N", "seed of the draws", values.count(0), 0),
    Option("--seconds S", "end after so long (default: Ctrl-C ends it)", values.duration),
    Option(
        "--allow-small-alpha",
        "take alpha below 1 as less than one percent, instead of refusing it",
    ),
    Option(
        "--reweights N",
        "convex problems at most: 1 is MxNE, more is irMxNE, which finds fewer and stronger "
        "sources",
        values.count(1),
        default_of(solve_irmxne, "n_reweights"),
    ),
    Option(
        "--amplitude-unit UNIT",
        "unit in which irMxNE weighs amplitudes: 'relative' to the largest, 'mne' as "
        "MNE-Python, 'gain', 'largest', or a number; a larger unit gives fewer sources",
        values.unit_of_amplitudes,
        default_of(solve_irmxne, "amplitude_unit"),
    ),
    Option(
        "--loose NUMBER",
        "orientation of the sources, from 0 (perpendicular to the cortex) to 1 (free); 'auto' "
        "is 0.2 on a cortex, else 1",
        values.orientation,
        default_of(localize, "loose"),
    ),
    Option(
        "--depth NUMBER",
        "how far deep sources are favoured, from 0 (not) to 1",
        values.exponent,
        default_of(localize, "depth"),
    ),
)


def shared(*names: str, **changes: Any) -> tuple[Option, ...]:
    """Take some of the shared options, with changes where they differ."""
    named = {option.spelling.split()[0]: option for option in SHARED}
    return tuple(named[name]._replace(**changes) for name in names)


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], Answer],
    about: tuple[str, str, str],
    groups: Mapping[str, Iterable[Option]],
) -> None:
    """Add a command: what runs it; its summary, description and examples; its options by title.

    Where the title of a group says "(one of them)" this is so; without a title there is no group.
    """
    summary, description, examples = about
    parser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    for title, options in groups.items():
        group = parser.add_argument_group(title) if title else parser
        if title.endswith("(one of them)"):
            group = group.add_mutually_exclusive_group(required=True)
        for option in options:
            option.add(group)


def refuse_small(options: argparse.Namespace) -> None:
    """Refuse percentages that look like parts of the largest alpha, unless they are allowed."""
    for name in ("alpha", "alphas"):
        value = getattr(options, name, None)
        # Of a grid, the largest of (largest, smallest, number).
        several = isinstance(value, tuple)
        largest = value[0] if isinstance(value, tuple) else value
        if not isinstance(largest, float) or options.allow_small_alpha:
            continue
        if look_like_parts(largest, several):
            raise WrongInput(
                f"--{name} {largest:g} is a percentage: give {100 * largest:g} for that part of "
                f"the largest, or --allow-small-alpha for {largest:g} %"
            )
