"""MNE's answers, and its objects compared with ours."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from marks import is_pinned_mne
from mxne_rs import use_in_mne

mne = pytest.importorskip("mne", minversion="1.8")

Inputs = tuple[Any, Any, Any]
Solve = Callable[..., Any]


def theirs(inputs: Inputs, alpha: float = 50, **options: Any) -> Any:
    """Run MNE's own mixed_norm, block coordinate descent unless told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mne.inverse_sparse.mixed_norm(*inputs, alpha, **{"solver": "bcd", **options})


def same_vertices(ours: Any, reference: Any) -> None:
    """Both estimates have the same sources."""
    for a, b in zip(ours.vertices, reference.vertices, strict=True):
        np.testing.assert_array_equal(a, b)


def in_mne(*args: Any, **options: Any) -> Any:
    """MNE's `mixed_norm`, on this solver."""
    with use_in_mne():
        return mne.inverse_sparse.mixed_norm(*args, **options)


def outcome(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What is returned, or the exception."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(*args, **options)
        except Exception as error:
            return error


def of_mne(**arguments: Any) -> Any:
    """Return what MNE's mixed_norm returns, or the exception."""
    return outcome(mne.inverse_sparse.mixed_norm, **arguments)


def categories(function: Callable[..., Any], message: str, **arguments: Any) -> set[type[Warning]]:
    """Categories of the warnings that say this."""
    with warnings.catch_warnings(record=True) as caught, mne.utils.use_log_level("WARNING"):
        warnings.simplefilter("always")
        function(**arguments)
    return {one.category for one in caught if re.search(message, str(one.message))}


def fails_in_mne(
    error: type[Exception], function: Callable[..., Any], *args: Any, **how: Any
) -> None:
    """Assert that MNE fails so, where it is the version that is known to."""
    if is_pinned_mne():
        assert isinstance(outcome(function, *args, **how), error)
