"""Arithmetic on text columns: exact decimals in, text out, and never a silent null.

Where a cell cannot be converted, the result is the text that was sent with a note behind it. That is no number, so the
cast of ingest refuses the record (`<table>.<column>_type`). What does not belong here: which column takes which path.
"""

import polars as pl

from registry_pipeline.feeds.units import Factor

_NUMBER = pl.Decimal(38, 18)
"""Holds the product of two numbers with nine decimal places each without losing one."""
_LIMIT = 1_000_000_000
"""Numbers from here on are refused: no quantity of the registry is near it, and products must fit the type."""
_NOTE = " (not converted)"
WITHHELD = "[date withheld]"
"""Stands for a calendar date in whatever is kept of its record."""


def number(text: pl.Expr, decimal: str) -> pl.Expr:
    """Return text as an exact decimal; null where it is no number."""
    plain = text.str.replace(",", ".", literal=True) if decimal == "," else text
    value = plain.cast(_NUMBER, strict=False)
    return pl.when(value.abs() < _LIMIT).then(value)


def times(value: pl.Expr, factor: Factor) -> pl.Expr:
    """Return a decimal multiplied by a unit's factor."""
    if factor.times != "1":
        value = value * pl.lit(factor.times).cast(_NUMBER)
    return value / pl.lit(str(factor.by)).cast(_NUMBER) if factor.by != 1 else value


def rounded(value: pl.Expr, places: int) -> pl.Expr:
    """Return a decimal as text with so many places, halves away from zero."""
    return value.round(places, mode="half_away_from_zero").cast(pl.Decimal(38, places)).cast(pl.String)


def unrounded(value: pl.Expr, places: int) -> pl.Expr:
    """Return a decimal as text with so many places; null where that would say less."""
    shorter = value.round(places, mode="half_away_from_zero")
    return pl.when(shorter == value).then(shorter.cast(pl.Decimal(38, places)).cast(pl.String))


def or_as_sent(result: pl.Expr, sent: list[pl.Expr]) -> pl.Expr:
    """Return the result; where there is none although the first cell is filled, what was sent and a note."""
    as_sent = pl.concat_str(*sent, separator=" ", ignore_nulls=True) + _NOTE
    return pl.when(sent[0].is_not_null()).then(pl.coalesce(result, as_sent))


def total(cells: list[pl.Expr], decimal: str, places: int) -> pl.Expr:
    """Return the sum of the filled cells, null where none is filled; one cell that is no number spoils it."""
    numbers = [number(cell, decimal) for cell in cells]
    is_read = pl.all_horizontal(
        value.is_not_null() | cell.is_null() for value, cell in zip(numbers, cells, strict=True)
    )
    zero = pl.lit("0").cast(_NUMBER)
    added = zero
    for value in numbers:
        added = added + value.fill_null(zero)
    as_sent = pl.concat_str(*cells, separator=" ", ignore_nulls=True) + _NOTE
    result = pl.when(is_read).then(unrounded(added, places))
    return pl.when(is_any_filled(cells)).then(pl.coalesce(result, as_sent))


def n_filled(cells: list[pl.Expr]) -> pl.Expr:
    """Return how many cells are filled, as text; null where none is."""
    counted = pl.sum_horizontal(cell.is_not_null().cast(pl.Int32) for cell in cells)
    return pl.when(counted > 0).then(counted.cast(pl.String))


def is_any_filled(cells: list[pl.Expr]) -> pl.Expr:
    """Return whether at least one cell is filled."""
    return pl.any_horizontal(cell.is_not_null() for cell in cells)


def days_between(date: pl.Expr, anchor: pl.Expr, written: str) -> pl.Expr:
    """Return the days from the anchor to the date, as text that never shows a date."""
    days = date.str.to_date(written, strict=False) - anchor.str.to_date(written, strict=False)
    result = days.dt.total_days().cast(pl.String)
    return pl.when(date.is_not_null()).then(pl.coalesce(result, pl.lit(WITHHELD + _NOTE)))
