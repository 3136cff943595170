"""Import what is optional, and name the extra that has to be installed where that fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def needs(what: str, library: str, extra: str) -> Iterator[None]:
    """Turn the failure of an import into an error that names the extra.

    Examples
    --------
    >>> from mxne_rs._arguments.extras import needs
    >>> with needs("the picture", "matplotlib", "mne"):
    ...     import nowhere
    Traceback (most recent call last):
    ImportError: the picture needs matplotlib: pip install 'mxne-rs[mne]'
    """
    try:
        yield
    except ImportError as error:
        raise ImportError(f"{what} needs {library}: pip install 'mxne-rs[{extra}]'") from error


class _Mne:
    """MNE-Python, which is imported when one of its names is first used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # who inspects this module does not ask for MNE
            raise AttributeError(name)
        import mne

        return getattr(mne, name)


#: What modules use instead of importing MNE: without it, the package imports all the same.
mne: Any = _Mne()


def import_mne(what: str = "mixed_norm") -> Any:
    """Return MNE-Python, or raise the error that names the extra."""
    with needs(what, "MNE-Python", "mne"):
        import mne
        import mne.inverse_sparse
    return mne


def as_table(records: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Any:
    """Return rows as a pandas.DataFrame; where pandas is not installed, as a list of dicts."""
    try:
        import pandas
    except ImportError:
        return [dict(one) for one in records]
    return pandas.DataFrame(list(records), columns=list(columns))
