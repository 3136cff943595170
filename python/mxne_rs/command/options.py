"""Declare the options that several commands share, and parse all commands."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from ..inverse.settings import look_like_fractions
from ..results.localize import localize
from . import values
from .console import Answer
from .wording import WrongInput


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are single lines, like all errors of this program."""

    def error(self, message: str) -> NoReturn:
        """Raise the message, instead of printing the usage and exiting."""
        raise WrongInput(f"{message.removeprefix('argument ')}; see '{self.prog} --help'")


def default_of(function: Callable[..., Any], name: str) -> Any:
    """Return the default of a parameter, for the option that stands for it."""
    return inspect.signature(function).parameters[name].default


class Option(NamedTuple):
    """One option of a command, as its help shows it.

    The spelling is the name, and a word for each value, in brackets where the value may be left
    out, with three dots where there may be several. A name alone is a flag, unless there are
    choices. The help ends in the default, unless the text has "(default: ".
    """

    spelling: str
    text: str
    kind: Callable[[str], Any] | None = None
    default: Any = None
    choices: Sequence[str] | None = None
    action: type[argparse.Action] | None = None
    required: bool = False

    def add(self, group: Any) -> None:
        """Add the option to a parser or a group."""
        name, *words = self.spelling.split()
        arguments: dict[str, Any] = {"help": self.text, "default": self.default}
        if self.default is not None and "(default: " not in self.text:
            format_ = "%(default)g" if isinstance(self.default, float) else "%(default)s"
            arguments["help"] += f" (default: {format_})"
        if self.choices:
            arguments["choices"] = self.choices
        elif not words:
            arguments |= {"action": "store_true", "default": False}
        elif len(words) == 1:
            arguments |= {"type": self.kind, "metavar": words[0].strip("[].")}
        else:
            arguments |= {"type": self.kind, "metavar": tuple(words), "nargs": len(words)}
        if self.spelling.endswith("..."):
            arguments["nargs"] = "+"
        if self.spelling.endswith("]"):
            arguments |= {"nargs": "?", "const": ""}
        if self.action:
            arguments["action"] = self.action
        if self.required:
            arguments["required"] = True
        group.add_argument(name, **arguments)


#: Options of several commands; their defaults are those of the functions that take them.
SHARED = (
    Option("--out DIR", "folder for the results, made where missing", required=True),
    Option("--forward FILE", "forward solution (-fwd.fif)", required=True),
    Option("--noise-cov FILE", "noise covariance (-cov.fif)", required=True),
    Option("--rng N", "seed of the random draws", values.count(0), 0),
    Option("--seconds S", "end after this time (default: at Ctrl-C)", values.duration),
    Option(
        "--allow-small-alpha",
        "accept alpha below 1, which means less than one percent, instead of refusing it",
    ),
    Option(
        "--reweights N",
        "maximum convex problems: 1 is MxNE, more is irMxNE, which finds fewer and stronger "
        "sources",
        values.count(1),
        default_of(localize, "n_mxne_iter"),
    ),
    Option(
        "--amplitude-unit UNIT",
        "unit in which irMxNE weighs amplitudes: 'relative' to the largest, 'mne' as "
        "MNE-Python, 'gain', 'largest', or a number; a larger unit gives fewer sources",
        values.unit_of_amplitudes,
        default_of(localize, "amplitude_unit"),
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
        "depth weighting, from 0 (none: shallow sources are favoured) to 1 (all columns of the "
        "gain count alike)",
        values.exponent,
        default_of(localize, "depth"),
    ),
)


def shared(*names: str, **changes: Any) -> tuple[Option, ...]:
    """Return some of the shared options, with some of their fields changed."""
    named = {option.spelling.split()[0]: option for option in SHARED}
    return tuple(named[name]._replace(**changes) for name in names)


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], Answer],
    about: tuple[str, str, str],
    groups: Mapping[str, Iterable[Option]],
) -> None:
    """Add a command with its function, its summary, description and examples, and its options.

    A group whose title ends in "(one of them)" requires exactly one of its options; options without
    a title are in no group.
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
        # A grid is (largest, smallest, number).
        several = isinstance(value, tuple)
        largest = value[0] if isinstance(value, tuple) else value
        if not isinstance(largest, float) or options.allow_small_alpha:
            continue
        if look_like_fractions(largest, several):
            raise WrongInput(
                f"--{name} {largest:g} is a percentage, {largest:g} % of the largest alpha: give "
                f"{100 * largest:g} for {100 * largest:g} %, or --allow-small-alpha"
            )
