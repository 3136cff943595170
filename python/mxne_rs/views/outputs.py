"""Compute once what tables, pictures and files of a localization are made from."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from ..inverse.localization import Localization
from .table import SourceRow, source_table


class Outputs:
    """Dipoles, residual and table of the first condition, computed when first used."""

    def __init__(self, localization: Localization) -> None:
        self.localization = localization

    @cached_property
    def dipoles(self) -> list[Any]:
        """Dipoles, in the order of the locations."""
        return list(self.localization.dipoles()[0])

    @cached_property
    def rows(self) -> list[SourceRow]:
        """Rows of the table of sources."""
        return source_table(self.localization, self.dipoles)

    @cached_property
    def residual(self) -> Any:
        """Residual: the part of the evoked response that the sources do not explain."""
        residual = self.localization.residuals()[0]
        residual.comment = f"residual of {self.localization.evokeds[0].comment}"
        return residual
