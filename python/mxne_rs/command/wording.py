"""Word the errors and warnings of the command line, in terms of its options."""

from __future__ import annotations

from collections.abc import Sequence

from .._arguments.convert import one_line as shortened
from ..inverse.localized import Localized


class WrongInput(Exception):
    """An error that the user can correct; its text is one line with the remedy."""


def one_line(message: object) -> str:
    """Return the text of an error or a warning on one line; its type where it has no text.

    Examples
    --------
    >>> from mxne_rs.command.wording import one_line
    >>> one_line("first\\n   second"), one_line(AssertionError())
    ('first second', 'AssertionError')
    """
    return shortened(message) or type(message).__name__


def shortfall_line(
    localizations: Sequence[Localized], maxit: int, time_limit: float | None
) -> str | None:
    """Say where the gap asked for was not reached, and which option helps; None where it was."""
    short = [one for one in localizations if not one.solution.converged]
    if not short:
        return _curve_shortfall(localizations[0])
    worst = max(short, key=lambda one: one.relative_gap)
    # Where alphas of a path stopped for several reasons, the time limit is the one to raise.
    causes = [one.solution.status for one in short]
    cause = "time_limit" if "time_limit" in causes else worst.solution.status
    at = f" at {len(short)} of {len(localizations)} alphas" if len(localizations) > 1 else ""
    stopped, option = {
        "iteration_limit": (f"stopped by --maxit {maxit}", "--maxit"),
        "time_limit": (f"stopped by --time-limit {time_limit or 0:g} s", "--time-limit"),
        "stalled": ("rounding prevents further progress", "--tol"),
    }[cause]
    return (
        f"not converged{at}: {stopped}, with a relative gap of {worst.relative_gap:.1e} where "
        f"--tol asks for {worst.solution.tol:g}; raise {option}"
    )


def _curve_shortfall(localization: Localized) -> str | None:
    """Say that SURE chose among answers that did not converge; None where all did."""
    curve = localization.solution.sure
    if curve is None or not (curve.gaps > localization.solution.tol).any():
        return None
    count = int((curve.gaps > localization.solution.tol).sum())
    return (
        f"not converged at {count} of the {len(curve.gaps)} alphas that SURE chose from, with a "
        f"relative gap of up to {curve.gaps.max():.1e} where --tol asks for "
        f"{localization.solution.tol:g}; raise --maxit or --time-limit"
    )


def doubt_line(localization: Localized) -> str | None:
    """Say why the choice of SURE is doubtful, and which option helps; None without doubt."""
    curve = localization.solution.sure
    kind = curve and curve.doubt
    if curve is None or kind is None:
        return None
    if kind == "many":
        reweighted = localization.solution.n_reweights is not None
        remedy = "a higher --sure-sigma" if reweighted else "more --reweights"
        return (
            f"SURE chose an alpha with {int(localization.active.sum())} sources, some of which are "
            f"probably not there: give {remedy}, or --alpha"
        )
    if kind == "flat":
        counts = curve.n_active[curve.alike]
        return (
            f"SURE cannot tell answers of {counts.min()} to {counts.max()} sources apart (see the "
            "curve in the report): look at 'mxne-rs path' and give --alpha"
        )
    end = f"SURE chose the end of its grid, alpha {localization.alpha:.3g} %"
    if curve.index == 0:
        return f"{end}: no smaller alpha does better, so --sure-sigma may be too high"
    return f"{end}: extend it with --alphas, or give a higher --sure-sigma"


def unsettled_line(localizations: Sequence[Localized]) -> str | None:
    """Say that reweighting ended before it settled; None where it settled."""
    # Where the solver was stopped by a limit, more rounds would not help.
    cut = [
        one
        for one in localizations
        if one.solution.converged and one.solution.reweighting_converged is False
    ]
    if not cut:
        return None
    at = f" at {len(cut)} of {len(localizations)} alphas" if len(localizations) > 1 else ""
    return f"reweighting had not settled{at}: more --reweights may change the answer"
