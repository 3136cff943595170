"""Localize: what `inverse` finds, as the objects that users work with."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec

from ..inverse import gamma_map, paths, tf_mixed_norm
from ..inverse import localize as single
from ..inverse.localized import Localized
from .localization import Localization
from .path import LocalizationPath

P = ParamSpec("P")

#: Arguments of a call that are no settings.
INPUTS = ("evoked", "forward", "noise_cov")


def _settings(solve: Callable[..., Any], args: Any, options: Any) -> dict[str, Any]:
    """Return the settings of a call by name, defaults included."""
    given = inspect.signature(solve).bind(*args, **options)
    given.apply_defaults()
    return {name: value for name, value in given.arguments.items() if name not in INPUTS}


def _shown(solve: Callable[P, Localized]) -> Callable[P, Localization]:
    """Return a function that gives its answer tables, pictures and files, and its settings."""

    @functools.wraps(solve)
    def localize(*args: P.args, **options: P.kwargs) -> Localization:
        found = solve(*args, **options)
        return Localization.of_localized(found, settings=_settings(solve, args, options))

    return localize


localize = _shown(single.localize)
localize_tf = _shown(tf_mixed_norm.localize_tf)
localize_gamma = _shown(gamma_map.localize_gamma)


@functools.wraps(paths.localize_path)
def localize_path(*args: Any, **options: Any) -> LocalizationPath:
    """Localise at decreasing alphas, each solve started from the last answer."""
    found = paths.localize_path(*args, **options)
    settings = _settings(paths.localize_path, args, options)
    return LocalizationPath(
        [Localization.of_localized(one, settings={**settings, "alpha": one.alpha}) for one in found]
    )
