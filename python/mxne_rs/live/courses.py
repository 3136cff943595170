"""Describe a source for the views: its signed course, its peak, its side of the head."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arguments.convert import Floats

#: What a positive amplitude means, for captions.
SIGN = "positive points out of the cortex, with free orientation upwards"
#: Metres from the midline within which a source is in the middle.
MIDLINE = 0.001


def signed_courses(estimate: Any) -> Floats:
    """Project each source on its main direction in this window, signed by its last component.

    Parameters
    ----------
    estimate : Estimate
        The sources of a window.

    Returns
    -------
    courses : array, shape (n_active, n_times)
        In the unit of the sources. The last component is normal to the cortex where the
        orientation is fixed or loose, and points upwards where it is free.

    Examples
    --------
    >>> import numpy as np
    >>> from mxne_rs import Stream
    >>> from mxne_rs.live.courses import signed_courses
    >>> estimate = Stream(np.eye(3), n_times=2, alpha=10, n_orient=3).update(
    ...     [[1, -1], [3, -3], [-4, 4]])
    >>> signed_courses(estimate).round(1)
    array([[-4.6,  4.6]])
    """
    rows = estimate.sources.reshape(
        len(estimate.locations), estimate.n_orient, estimate.sources.shape[1]
    )
    if estimate.n_orient == 1:
        return np.asarray(rows[:, 0])
    directions = np.linalg.svd(rows, full_matrices=False)[0][:, :, 0]
    directions = np.where(directions[:, -1:] < 0, -directions, directions)
    return np.asarray(np.einsum("so,sot->st", directions, rows))


def signed_peaks(courses: Floats) -> Floats:
    """Take the value of largest magnitude of each course.

    Parameters
    ----------
    courses : array, shape (n_active, n_times)
        Those of `signed_courses`.

    Returns
    -------
    peaks : array, shape (n_active,)
        With their sign.

    Examples
    --------
    >>> import numpy as np
    >>> from mxne_rs.live.courses import signed_peaks
    >>> signed_peaks(np.array([[1.0, -3.0, 2.0]]))
    array([-3.])
    """
    return np.asarray(courses[np.arange(len(courses)), np.abs(courses).argmax(axis=1)])


def side_of(x: float) -> str:
    """Name the side of the head that a position is on.

    Parameters
    ----------
    x : float
        In m, head coordinates, rising from left to right.

    Returns
    -------
    side : str
        "left", "right" or "middle".

    Examples
    --------
    >>> from mxne_rs.live.courses import side_of
    >>> side_of(-0.05), side_of(0.05), side_of(0.0)
    ('left', 'right', 'middle')
    """
    return "middle" if abs(x) < MIDLINE else "left" if x < 0 else "right"


def count_line(n_sources: int, explained: float) -> str:
    """Describe the number of sources of a window and what they explain.

    Parameters
    ----------
    n_sources : int
        Of the window.
    explained : float
        Explained variance, a fraction.

    Returns
    -------
    line : str
        For a title.

    Examples
    --------
    >>> from mxne_rs.live.courses import count_line
    >>> count_line(1, 0.62)
    '1 source explains 62 %'
    """
    count = "1 source explains" if n_sources == 1 else f"{n_sources} sources explain"
    return f"{count} {100 * explained:.0f} %"
