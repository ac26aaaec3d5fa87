"""From text frames to typed ones, for formats that have types."""

import re
from collections.abc import Mapping

import polars as pl

_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


def typed(frame: pl.DataFrame, types: Mapping[str, str], decimals: type[pl.DataType] | None = None) -> pl.DataFrame:
    """Return the frame with each column of its physical type; a text that does not fit is an error.

    Args:
        frame: All text.
        types: Physical type by column; others stay text.
        decimals: What to make of decimals, where a format has none.
    """
    return frame.with_columns(
        _cast(name, types[name], decimals) for name in frame.columns if types.get(name, "VARCHAR") != "VARCHAR"
    )


def _cast(name: str, physical_type: str, decimals: type[pl.DataType] | None) -> pl.Expr:
    column = pl.col(name)
    if physical_type == "BOOLEAN":
        return pl.when(column.is_not_null()).then(column == "true")
    if found := _DECIMAL.fullmatch(physical_type):
        return column.cast(decimals or pl.Decimal(int(found.group(1)), int(found.group(2))))
    return column.cast(pl.Int16 if physical_type == "SMALLINT" else pl.Int32)
