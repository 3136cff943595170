"""What the command line says where something is wrong, in the words of its options."""

from __future__ import annotations

from collections.abc import Sequence

from .._arguments.convert import one_line as shortened
from ..alpha.sure import doubt
from ..inverse.localization import Localization


class WrongInput(Exception):
    """Something the user can put right; its text is one line that says how."""


class NotWritten(Exception):
    """Results that could not be written; its text is one line that names the file."""


def one_line(message: object) -> str:
    """Text of an error or a warning on one line; its type where it has none.

    Examples
    --------
    >>> from mxne_rs.command.wording import one_line
    >>> one_line("first\\n   second"), one_line(AssertionError())
    ('first second', 'AssertionError')
    """
    return shortened(message) or type(message).__name__


def shortfall_line(
    found: Sequence[Localization], maxit: int, time_limit: float | None
) -> str | None:
    """Say where the gap asked for was not reached, and which option helps; None where it was."""
    short = [one for one in found if not one.solution.converged]
    if not short:
        return _curve_shortfall(found[0])
    worst = max(short, key=lambda one: one.relative_gap)
    # Where a path breaks off for several reasons, the limit on its time is the one to raise.
    causes = [one.solution.status for one in short]
    cause = "time_limit" if "time_limit" in causes else worst.solution.status
    at = f" at {len(short)} of {len(found)} alphas" if len(found) > 1 else ""
    stopped, option = {
        "iteration_limit": (f"stopped by --maxit {maxit}", "--maxit"),
        "time_limit": (f"stopped by --time-limit {time_limit or 0:g} s", "--time-limit"),
        "stalled": ("rounding ended all progress", "--tol"),
    }[cause]
    return (
        f"not converged{at}: {stopped}, with a relative gap of {worst.relative_gap:.1e} where "
        f"--tol asks for {worst.solution.tol:g}; raise {option}"
    )


def _curve_shortfall(found: Localization) -> str | None:
    """Say that an alpha was chosen by SURE among answers that fell short."""
    curve = found.solution.sure
    if curve is None or not (curve.gaps > found.solution.tol).any():
        return None
    count = int((curve.gaps > found.solution.tol).sum())
    return (
        f"not converged at {count} of the {len(curve.gaps)} alphas that SURE chose from, with a "
        f"relative gap of up to {curve.gaps.max():.1e} where --tol asks for "
        f"{found.solution.tol:g}; raise --maxit or --time-limit"
    )


def doubt_line(found: Localization) -> str | None:
    """Say what makes the choice of SURE doubtful, and which option helps, where anything does."""
    curve, kind = found.solution.sure, doubt(found.solution)
    if curve is None or kind is None:
        return None
    if kind == "many":
        reweighted = found.solution.n_reweights is not None
        remedy = "a higher --sure-sigma" if reweighted else "more --reweights"
        return (
            f"SURE chose an alpha with {int(found.active.sum())} sources, some of which are "
            f"probably not there: give {remedy}, or --alpha"
        )
    if kind == "flat":
        counts = curve.n_active[curve.alike]
        return (
            f"SURE cannot tell answers of {counts.min()} to {counts.max()} sources apart (see the "
            "curve in the report): look at 'mxne-rs path' and give --alpha"
        )
    end = f"SURE chose the end of its grid, alpha {found.alpha:.3g} %"
    if curve.index == 0:
        return f"{end}: nothing smaller does better, so --sure-sigma may be too high"
    return f"{end}: extend it with --alphas, or give a higher --sure-sigma"


def unsettled_line(found: Sequence[Localization]) -> str | None:
    """Say that reweighting was cut off; None where it was not."""
    # Where the solver was stopped, more rounds are not what is missing.
    cut = [
        one
        for one in found
        if one.solution.converged and one.solution.reweighting_converged is False
    ]
    if not cut:
        return None
    at = f" at {len(cut)} of {len(found)} alphas" if len(found) > 1 else ""
    return f"reweighting had not settled{at}: more --reweights may change the answer"
