"""What an outsider can work out of a mart that hides some of its rows, by solving what its rows add up to.

What belongs here: the sums that hold between the rows of a mart, and the linear program that asks whether the hidden
cells could all be large. What does not: what is hidden (`disclosure.py`, `secondary.py`).

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

_WHOLE, _ALL, _OVERALL = "level", "all", "overall"
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Sums:
    """Equations between the rows of one quantity: in each, the signed rows add up to nothing.

    Args:
        equation: Number of the equation, for each term.
        row: Row of the mart, for each term.
        sign: 1 for a part, -1 for the whole, for each term.
        n_equations: How many equations there are.
    """

    equation: NDArray[np.int64]
    row: NDArray[np.int64]
    sign: Floats
    n_equations: int

    def holding(self, value: Floats) -> Sums:
        """Return the equations that the values fulfil."""
        total = np.bincount(self.equation, self.sign * value[self.row], minlength=self.n_equations)
        return self._only(np.abs(total) < _TOLERANCE)

    def unsolved(self, hidden: Flags) -> Sums:
        """Return the equations that hold something hidden."""
        return self._only(np.bincount(self.equation, hidden[self.row], minlength=self.n_equations) > 0)

    def _only(self, keep: Flags) -> Sums:
        number = np.cumsum(keep) - 1
        terms = keep[self.equation]
        return Sums(number[self.equation[terms]], self.row[terms], self.sign[terms], int(keep.sum()))


@dataclass(frozen=True)
class Quantity:
    """Something that rows count: a column, or what two columns leave between them."""

    name: str
    value: Floats
    """Per row; NaN is taken for nothing."""


def quantities(frame: pl.DataFrame, contract: MartContract) -> list[Quantity]:
    """Return every count of a mart and every complement."""
    numbers = {name: _number(frame, name) for name in contract.with_role("count")}
    found = [Quantity(name, value) for name, value in numbers.items()]
    return [
        *found,
        *(Quantity(f"{whole} - {part}", numbers[whole] - numbers[part]) for whole, part in contract.complements),
    ]


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
        empty = np.zeros(0, dtype=np.int64)
        return Sums(empty, empty, np.zeros(0), 0)
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


def exposed(equations: Sums, value: Floats, hidden: Flags, at_least: Floats) -> Flags:
    """Return the hidden cells that an outsider can tell to be below what they ought to hide.

    One linear program asks for another registry that would publish the very same numbers and in which every hidden
    cell is as large as `at_least` says. Where there is one, no upper bound of a hidden cell lies below that. What is
    missing where there is none, the program names.

    Args:
        equations: The sums that hold for the quantity.
        value: The quantity, per row.
        hidden: Which rows an outsider does not see.
        at_least: What each hidden row must possibly be; 0 where nothing needs protection.
    """
    from scipy.optimize import linprog  # noqa: PLC0415 - scipy costs start-up time that only a release may spend
    from scipy.sparse import csr_matrix, hstack, identity  # noqa: PLC0415 - likewise

    system = equations.holding(value).unsolved(hidden)
    found = np.zeros(len(value), dtype=bool)
    rows = np.unique(system.row[hidden[system.row]])
    if not len(rows) or not (at_least[rows] > 0).any():
        return found
    place = np.full(len(value), -1)
    place[rows] = np.arange(len(rows))
    unknown = hidden[system.row]
    shape = (system.n_equations, len(rows))
    matrix = csr_matrix((system.sign[unknown], (system.equation[unknown], place[system.row[unknown]])), shape)
    known = ~unknown
    right = -np.bincount(system.equation[known], (system.sign * value[system.row])[known], minlength=system.n_equations)
    size = len(rows)
    # x + short >= at_least: what falls short is what an outsider can tell.
    result = linprog(
        np.concatenate((np.zeros(size), np.ones(size))),
        A_ub=-hstack((identity(size), identity(size))).tocsr(),
        b_ub=-at_least[rows],
        A_eq=hstack((matrix, csr_matrix(shape))).tocsr(),
        b_eq=right,
        bounds=(0, None),
        method="highs",
    )
    short = result.x[size:] if result.status == 0 else np.full(size, np.inf)
    found[rows[(short > _TOLERANCE) & (at_least[rows] > 0)]] = True
    return found


def _number(frame: pl.DataFrame, name: str) -> Floats:
    values: Floats = frame.get_column(name).cast(pl.Float64).fill_null(0).fill_nan(0).to_numpy()
    return values
