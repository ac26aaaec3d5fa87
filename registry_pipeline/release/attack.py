"""What an outsider has before him: every figure of every mart, each once, and the sums between them.

What belongs here: telling which figures are the same, and which of them want protection. What does not: what rows count
(`quantities.py`), how rows add up (`sums.py`), what can be worked out of that (`reach.py`), and what is hidden
(`disclosure.py`, `secondary.py`).

The same figure stands in many rows: how many were eligible, beside every definition and estimand. Hidden in one row
and shown in another it is not hidden. Which figures are the same is found in the data, not declared: where two columns
agree in every stratum of a dimension, an outsider may know that they count the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from registry_pipeline.release.hashes import added, mixed
from registry_pipeline.release.quantities import is_hidden, quantities
from registry_pipeline.release.sums import NOTHING, Sums, connected, sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from registry_pipeline.release.mart_contracts import MartContract

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Ints = NDArray[np.int64]
    Hashes = NDArray[np.uint64]

    Mart = tuple[pl.DataFrame, MartContract]

_STRATUM = ("indication", "dimension", "level")
_PLACE, _FIGURE, _SUM = 1, 2, 3
_SOON_EQUAL = 3
_BLUR = 0.1
_MOST_KINDS = 1000
"""More than any mart counts."""


@dataclass(frozen=True)
class Table:
    """Every figure of some marts, the rows of which lie one mart after the other.

    Args:
        n_rows: How many rows there are.
        row: Of each place in which a figure stands, the row.
        slot: Of each place, where it is among all rows of all quantities, one quantity of a mart after the other.
        cell: Of each place, which figure stands there. Figures are numbered in order of their first place.
        kind: Of each cell, what it counts, as a number: 0 is what most rows of its mart share.
        sums: The sums that hold between cells.
        value: Of each cell.
        at_least: What each cell must possibly be for all an outsider knows; 0 where nothing needs protection.
    """

    n_rows: int
    row: Ints
    slot: Ints
    cell: Ints
    kind: Ints
    sums: Sums
    value: Floats
    at_least: Floats

    @property
    def parts(self) -> tuple[Ints, Ints]:
        """Return which part each cell and each sum belongs to; no sum joins two parts."""
        return connected(self.sums.row, self.sums.equation, len(self.value), self.sums.n_equations)

    @property
    def is_whole(self) -> Flags:
        """Return which cells are the whole of a sum."""
        found: Flags = np.zeros(len(self.value), dtype=bool)
        found[self.sums.row[self.sums.sign < 0]] = True
        return found

    def n_shown(self, hidden: Flags) -> Ints:
        """Return in how many rows each cell is to be seen where some rows are hidden."""
        return np.bincount(self.cell, ~hidden[self.row], minlength=len(self.value)).astype(np.int64)

    def unseen(self, hidden: Flags) -> Flags:
        """Return the cells that stand in hidden rows alone."""
        return ~self.standing_in(~hidden)

    def standing_in(self, rows: Flags) -> Flags:
        """Return the cells that stand in one of some rows."""
        found: Flags = self.n_shown(~rows) > 0
        return found

    def rows_of(self, cells: Flags | Ints) -> Flags:
        """Return the rows in which one of some cells stands; cells by flag or by number."""
        wanted, found = np.zeros(len(self.value), dtype=bool), np.zeros(self.n_rows, dtype=bool)
        wanted[cells] = True
        found[self.row[wanted[self.cell]]] = True
        return found


def table(marts: Sequence[Mart], small_cell: int) -> Table:
    """Return every figure of some marts with the sums that hold between them.

    Args:
        marts: Each as built, one row per grain, with its contract; rows that are flagged hidden are veiled as well.
        small_cell: The largest count that is hidden.
    """
    n_rows, n_slots, parts = 0, 0, []
    for number, (frame, contract) in enumerate(marts):
        parts.append(_places(frame, contract, n_rows, n_slots, number * _MOST_KINDS))
        n_rows, n_slots = n_rows + frame.height, n_slots + parts[-1].n_slots
    names, row, slot, values, codes = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("name", "row", "slot", "value", "code")
    )
    _, first, inverse = np.unique(names, return_index=True, return_inverse=True)
    cell, first = np.argsort(np.argsort(first))[inverse.ravel()].astype(np.int64), np.sort(first)
    value = values[first]
    found = _all_sums(parts, cell)
    was_hidden = np.concatenate([np.zeros(0, dtype=bool), *(is_hidden(frame) for frame, _ in marts)])
    veiled = np.bincount(cell, ~was_hidden[row], minlength=len(value)) == 0
    at_least = np.maximum(protected(value, small_cell), _veiled(value, found, veiled, small_cell))
    return Table(n_rows, row, slot, cell, _kinds(cell, codes)[first], found, value, at_least)


def protected(value: Floats, small_cell: int) -> Floats:
    """Return what each cell must possibly be: above the threshold where it is small, anything elsewhere."""
    return np.where((value > 0) & (value <= small_cell), float(small_cell + 1), 0.0)


def _veiled(value: Floats, equations: Sums, was_hidden: Flags, small_cell: int) -> Floats:
    """Return what each cell must possibly be in rows hidden for another reason: more, by a tenth.

    It is the rule of statistical offices for cells that one contributor dominates (a p %-rule, of 10 %).

    Parts of a whole that is nothing are nothing, and there is no harm in that: it is said of everybody.
    """
    wholes = equations.sign < 0
    of_whole = np.zeros(equations.n_equations)
    of_whole[equations.equation[wholes]] = value[equations.row[wholes]]
    is_nothing = np.zeros(len(value), dtype=bool)
    is_nothing[equations.row[of_whole[equations.equation] == 0]] = True
    blur = np.clip(np.ceil(value * _BLUR), 1, small_cell + 1)
    return np.where(was_hidden & ~is_nothing, value + blur, 0.0)


def _kinds(cell: Ints, code: Ints) -> Ints:
    """Return of each place the rank of its kind in its mart: first what stands in many rows."""
    n_places = np.bincount(cell)[cell]
    of_kind = np.bincount(code, n_places) / np.maximum(np.bincount(code), 1)
    kinds = np.arange(len(of_kind))
    ranked = np.lexsort((kinds, -of_kind, kinds // _MOST_KINDS))
    rank = np.empty(len(kinds), dtype=np.int64)
    rank[ranked] = kinds % _MOST_KINDS
    return rank[code]


@dataclass(frozen=True)
class _Places:
    """Where the figures of one mart stand.

    Args:
        name: Of each place, a number that other places share only where they show the same figure.
        row: Its row, counted through all marts.
        slot: Its slot, likewise.
        value: What stands there.
        code: Which quantity of which mart it is.
        sums: The sums that hold between places, counted in this mart.
        n_slots: Rows times quantities.
    """

    name: Hashes
    row: Ints
    slot: Ints
    value: Floats
    code: Ints
    sums: Sums
    n_slots: int


def _places(frame: pl.DataFrame, contract: MartContract, first_row: int, first_slot: int, code: int) -> _Places:
    """Return where the figures of a mart stand, and the sums between these places."""
    possible, found = sums(frame, contract), quantities(frame, contract)
    every = np.concatenate([np.zeros(0), *(quantity.value for quantity in found)])
    slot = np.flatnonzero(~np.isnan(every))
    row, number, value = slot % max(frame.height, 1), slot // max(frame.height, 1), every[slot] + 0.0
    place = np.full(len(every), -1)
    place[slot] = np.arange(len(slot))
    terms, n_sums = [NOTHING], 0
    for index, quantity in enumerate(found):
        holding = possible.holding(quantity.value)
        terms.append((holding.equation + n_sums, place[holding.row + index * frame.height], holding.sign))
        n_sums += holding.n_equations
    equation, at, sign = (np.concatenate(part) for part in zip(*terms, strict=True))
    return _Places(
        _named(_columns(frame, contract), row, number, value, len(found)),
        row + first_row,
        slot + first_slot,
        value,
        number + code,
        Sums(equation, at, sign, n_sums),
        len(every),
    )


@dataclass(frozen=True)
class _Columns:
    """The strata of a mart's rows. A column is all strata of a dimension that agree in all other keys.

    Args:
        stratum: Of each row, as a number.
        column: Of each row.
        main: Of each row, the column with the whole registry and the diagnoses; -1 where there is none.
        n_columns: How many columns there are.
    """

    stratum: Hashes
    column: Ints
    main: Ints
    n_columns: int


def _columns(frame: pl.DataFrame, contract: MartContract) -> _Columns:
    """Return the columns of a mart.

    A diagnosis as a level is the stratum of that diagnosis; what has levels and no dimension is of clinics.
    """
    keys = [name for name in contract.grain if name in frame.columns]
    has_level, has_indication = "level" in keys, "indication" in keys
    default = {"indication": "all", "dimension": "clinic" if has_level else "overall", "level": "all"}
    # A dimension without levels, as in a test of all of them, is about everybody in it.
    own = [name for name in _STRATUM if name in keys and (name != "dimension" or has_level)]
    others = [name for name in keys if name not in own]
    named = frame.select(
        *((pl.col(name) if name in own else pl.lit(default[name])).cast(pl.String).alias(name) for name in _STRATUM),
        others=pl.struct(others).rank("dense") if others else pl.lit(0),
    )
    is_diagnosis = (pl.col("dimension") == "indication") & (pl.col("indication") == "all")
    # Where diagnoses have rows of their own as well, the levels are another column, which may or may not agree.
    is_main = (pl.col("dimension") == "overall") | (is_diagnosis & (not has_indication))
    found = named.select(
        is_main=is_main,
        stratum=pl.when(is_diagnosis)
        .then(pl.concat_str("level", pl.lit("overall"), pl.lit("all"), separator="\x1f"))
        .otherwise(pl.concat_str(*_STRATUM, separator="\x1f"))
        .hash(),
        column=pl.when(is_main)
        .then(pl.struct("others", dimension=pl.lit("overall"), is_all=pl.lit(value=False)))
        .otherwise(pl.struct("others", "dimension", is_all=pl.col("indication") == "all"))
        .rank("dense")
        .cast(pl.Int64)
        - 1,
        others="others",
    ).with_columns(main=pl.when("is_main").then("column").min().over("others").fill_null(-1))
    column, main = found["column"].to_numpy(), found["main"].to_numpy()
    return _Columns(found["stratum"].to_numpy(), column, main, int(column.max()) + 1 if len(column) else 0)


def _named(columns: _Columns, row: Ints, number: Ints, value: Floats, n_quantities: int) -> Hashes:
    """Return a number for each figure that figures with the same number are the same as.

    Two or three numbers are soon equal by chance; then the numbers of the whole registry and of the diagnoses must be
    equal as well.
    """
    size = columns.n_columns * n_quantities
    column, main = (places[row] + number * columns.n_columns for places in (columns.column, columns.main))
    of_column = added(size, column, mixed(_PLACE, columns.stratum[row], value))
    is_long = np.bincount(column, minlength=size) > _SOON_EQUAL
    by_itself = is_long[column] | (columns.main[row] == columns.column[row]) | (columns.main[row] < 0)
    both = mixed(_PLACE, of_column[column], of_column[main])
    return mixed(_FIGURE, np.where(by_itself, of_column[column], both), columns.stratum[row])


def _all_sums(parts: Sequence[_Places], cell: Ints) -> Sums:
    """Return the sums of all marts between cells, each once."""
    starts = np.concatenate(([0], np.cumsum([len(part.row) for part in parts])))
    offsets = np.concatenate(([0], np.cumsum([part.sums.n_equations for part in parts])))
    each = list(zip((part.sums for part in parts), starts, offsets, strict=False))
    equation = np.concatenate([sums.equation + offset for sums, _, offset in each])
    row = cell[np.concatenate([sums.row + start for sums, start, _ in each])]
    sign = np.concatenate([sums.sign for sums, _, _ in each])
    every = Sums(equation, row, sign, int(offsets[-1]))
    name = added(every.n_equations, equation, mixed(_SUM, row, sign))
    # A figure that is its own whole says nothing.
    total = np.bincount(equation, row * sign, minlength=every.n_equations)
    n_terms = np.bincount(equation, minlength=every.n_equations)
    keep = np.zeros(every.n_equations, dtype=bool)
    keep[np.unique(name, return_index=True)[1]] = True
    return every.only(keep & ~((n_terms == 2) & (total == 0)))  # noqa: PLR2004 - a part and a whole
