"""The sums between the rows of a mart: what an outsider may know to add up.

What belongs here: finding them. What does not: which hold for what (`attack.py`).

The sums are found in the data, not declared: where the levels of a dimension, or the diagnoses, add up to the row of
the whole, an outsider may know that they do. So a new mart is covered without anybody remembering it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from registry_pipeline.release.mart_contracts import MartContract

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Ints = NDArray[np.int64]

_WHOLE, _ALL, _OVERALL = "level", "all", "overall"
_TOLERANCE = 1e-6
NOTHING = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))


@dataclass(frozen=True)
class Sums:
    """Equations between the rows of one quantity: in each, the signed rows add up to nothing.

    Args:
        equation: Number of the equation, for each term.
        row: Row of the mart, or cell of the table of all marts, for each term.
        sign: 1 for a part, -1 for the whole, for each term.
        n_equations: How many equations there are.
    """

    equation: Ints
    row: Ints
    sign: Floats
    n_equations: int

    def holding(self, value: Floats) -> Sums:
        """Return the equations that the values fulfil."""
        total = np.bincount(self.equation, self.sign * value[self.row], minlength=self.n_equations)
        return self.only(np.abs(total) < _TOLERANCE)

    def of(self, rows: Flags) -> Sums:
        """Return the equations with the terms of some rows alone."""
        terms = rows[self.row]
        return Sums(self.equation[terms], self.row[terms], self.sign[terms], self.n_equations)

    def only(self, keep: Flags) -> Sums:
        """Return some of the equations, numbered anew."""
        number = np.cumsum(keep) - 1
        terms = keep[self.equation]
        return Sums(number[self.equation[terms]], self.row[terms], self.sign[terms], int(keep.sum()))


def connected(thing: Ints, equation: Ints, n_things: int, n_equations: int) -> tuple[Ints, Ints]:
    """Return which part each thing and each equation belongs to, by number; no equation joins two parts.

    Args:
        thing: The cell or row of each term.
        equation: The equation of each term.
        n_things: How many cells or rows there are.
        n_equations: How many equations there are.
    """
    from scipy.sparse import coo_matrix  # noqa: PLC0415 - scipy costs start-up time that only a release may spend
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415 - likewise

    size = n_things + n_equations
    graph = coo_matrix((np.ones(len(thing)), (thing, n_things + equation)), shape=(size, size))
    label = connected_components(graph, directed=False)[1].astype(np.int64)
    return label[:n_things], label[n_things:]


def sums(frame: pl.DataFrame, contract: MartContract) -> Sums:
    """Return the sums that may hold between the rows of a mart: levels to the whole, diagnoses to all of them.

    Args:
        frame: The mart, one row per grain.
        contract: Says what the grain is.
    """
    keys = [name for name in contract.grain if name in frame.columns]
    rows = frame.select(keys).with_row_index("row")
    found = [part for part in _families(rows, keys) if part.height]
    if not found:
        return Sums(*NOTHING, 0)
    offset, terms = 0, []
    for part in found:
        terms.append(part.with_columns(pl.col("equation") + offset))
        offset += int(part["equation"].max()) + 1  # type: ignore[arg-type]  # a count
    joined = pl.concat(terms)
    columns = (joined[name].to_numpy() for name in ("equation", "row"))
    equation, row = (column.astype(np.int64) for column in columns)
    return Sums(equation, row, joined["sign"].to_numpy().astype(np.float64), offset)


def _families(rows: pl.DataFrame, keys: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield (equation, row, sign) for each way in which rows add up."""
    if {"dimension", _WHOLE} <= set(keys):
        within = [name for name in keys if name not in {"dimension", _WHOLE}]
        is_whole = pl.col("dimension") == _OVERALL
        yield _family(rows.filter(~is_whole), rows.filter(is_whole), within, [*within, "dimension"])
    if "indication" in keys:
        within = [name for name in keys if name != "indication"]
        is_whole = pl.col("indication") == _ALL
        yield _family(rows.filter(~is_whole), rows.filter(is_whole), within, within)
        if {"dimension", _WHOLE} <= set(keys):
            yield _same_twice(rows, [name for name in keys if name not in {"indication", "dimension", _WHOLE}])


def _family(parts: pl.DataFrame, wholes: pl.DataFrame, on: Sequence[str], per: Sequence[str]) -> pl.DataFrame:
    """Return the equations of parts that add up, per group of `per`, to the whole that agrees with them in `on`."""
    whole = wholes.select(*on, pl.col("row").alias("whole"))
    joined = parts.join(whole, on=on, how="inner", nulls_equal=True) if on else parts.join(whole, how="cross")
    numbered = joined.with_columns(equation=pl.struct(*per, "whole").rank("dense").cast(pl.Int64) - 1)
    return _terms(numbered)


def _same_twice(rows: pl.DataFrame, within: Sequence[str]) -> pl.DataFrame:
    """Return the equations between a diagnosis as a level and the whole of that diagnosis: one count, shown twice."""
    as_level = rows.filter((pl.col("indication") == _ALL) & (pl.col("dimension") == "indication"))
    as_whole = rows.filter((pl.col("indication") != _ALL) & (pl.col("dimension") == _OVERALL))
    whole = as_whole.select(*within, pl.col("indication").alias(_WHOLE), pl.col("row").alias("whole"))
    joined = as_level.join(whole, on=[*within, _WHOLE], how="inner", nulls_equal=True)
    return _terms(joined.with_columns(equation=pl.int_range(pl.len(), dtype=pl.Int64)))


def _terms(numbered: pl.DataFrame) -> pl.DataFrame:
    parts = numbered.select("equation", "row", sign=pl.lit(1.0))
    wholes = numbered.select("equation", pl.col("whole").alias("row")).unique().with_columns(sign=pl.lit(-1.0))
    return pl.concat([parts, wholes])
