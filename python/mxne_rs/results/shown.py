"""Compute once what tables, pictures and files of a condition are made from."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from .._arguments.convert import Floats
from ..inverse.localized import Localized
from .table import SourceRow, source_table


class Shown:
    """One condition of a localization: dipoles, residual and table, computed when first used."""

    def __init__(self, localization: Localized, condition: int | str = 0) -> None:
        self.localization = localization
        self.condition = localization.condition_index(condition)
        self.evoked = localization.evokeds[self.condition]

    @property
    def name(self) -> str:
        """Comment of the evoked on one line; "evoked" without a comment."""
        return self.localization.name_of(self.condition)

    @cached_property
    def dipoles(self) -> list[Any]:
        """Dipoles, in the order of the locations."""
        return self.localization.dipoles(self.condition)

    @cached_property
    def rows(self) -> list[SourceRow]:
        """Rows of the table of sources."""
        return source_table(self.localization, self.condition, self.dipoles)

    @cached_property
    def residual(self) -> Any:
        """Residual: the part of the evoked response that the sources do not explain."""
        residual = self.localization.residual(self.condition)
        residual.comment = f"residual of {self.evoked.comment}"
        return residual

    @property
    def samples(self) -> slice:
        """Columns of the localization's arrays over time that belong to the condition."""
        return self.localization.samples(self.condition)

    @property
    def courses(self) -> Floats:
        """Signed amplitudes along one orientation per source in Am, shape (n_active, n_times)."""
        return self.localization.courses[:, self.samples]
