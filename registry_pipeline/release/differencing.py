"""Differencing: what marts must repeat from the release before, so that releases subtracted show no small group.

What belongs here: comparing marts with the same marts of every kept release, and repeating rows. What does not: what is
small within one release (`disclosure.py`, `secondary.py`), and where releases lie.

An outsider is taken to know which sums hold, every row shown anew, and of every repeated row whether it rose, fell or
stayed. A change of 1 to `small_cell` must, for all that, possibly be a larger one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from registry_pipeline.release.attack import table
from registry_pipeline.release.quantities import n_quantities, quantities
from registry_pipeline.release.sums import connected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from registry_pipeline.release.attack import Mart, Table
    from registry_pipeline.release.mart_contracts import MartContract

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Cells = NDArray[np.int64]

REPEATED = "repeated"
"""The reason beside a row that is shown as the release before showed it: it is older than the rest of the mart."""
DIFFERENCING = "differencing"
"""The reason beside a row that is hidden because the release before showed nothing that could be repeated."""

_TOLERANCE = 1e-6

Frames = Mapping[str, pl.DataFrame]


def hold_back(
    new: Frames,
    built: Frames,
    kept: Iterable[Frames],
    contracts: Mapping[str, MartContract],
    small_cell: int,
) -> tuple[dict[str, pl.DataFrame], dict[str, int]]:
    """Return the marts to publish, with what the release before showed where the new rows would tell too much.

    A row is shown anew where every count and complement differs from what each kept release shows of it by nothing or
    by more than `small_cell`. Another row repeats everything but its keys from the current release: it stays shown, its
    `is_suppressed` is false, and its `suppression_reason` is `repeated`, so that an analyst sees that it is older. It
    is hidden with the reason `differencing` where that release shows nothing of it. Rows from which the change of a
    repeated row would follow, because the same figure stands in them or by the sums between rows, are repeated with it.

    Args:
        new: The marts as suppression leaves them, one row per grain, with the columns of the contract in order.
        built: The same rows in the same order with every number, rounded as the new ones are.
        kept: What kept releases show, the current one first; of each release some marts, or none.
        contracts: The contract of each mart.
        small_cell: The largest change that is not shown.

    Returns:
        The marts, their rows and columns in the order of `new`, and how many rows of each are repeated or hidden.
    """
    names = sorted(new)
    marts = [(new[name], contracts[name]) for name in names]
    history, previous = _History.of(marts), None
    for frames in kept:
        old = [
            _aligned(frame, frames[contract.name], contract) if contract.name in frames else None
            for frame, contract in marts
        ]
        previous = old if previous is None else previous
        history.take_in(old, marts)
    if previous is None or not history.is_small(small_cell).any():
        return dict(new), dict.fromkeys(names, 0)
    every = table([(built[name], contracts[name]) for name in names], small_cell)
    is_open = np.concatenate([_is_shown(frame) for frame, _ in marts])
    repeated = _with_sums(list(_changes(every, history, is_open, small_cell)), every, is_open)
    parts = np.split(repeated, np.cumsum([frame.height for frame, _ in marts])[:-1])
    shown = [_repeat(*mart, old, part) for mart, old, part in zip(marts, previous, parts, strict=True)]
    return dict(zip(names, shown, strict=True)), {
        name: int(part.sum()) for name, part in zip(names, parts, strict=True)
    }


@dataclass
class _History:
    """What is shown in each slot, quantity by quantity of each mart, and what kept releases showed there."""

    value: Floats
    """What is shown now; NaN where nothing is."""
    below: Floats
    """The nearest value that was shown and is no larger; NaN where there is none."""
    above: Floats

    @classmethod
    def of(cls, marts: Sequence[Mart]) -> _History:
        """Return the history of marts that nobody has seen before."""
        value = np.concatenate([np.zeros(0), *(_shown_values(*mart) for mart in marts)])
        return cls(value, np.full(len(value), np.nan), np.full(len(value), np.nan))

    def take_in(self, old: Sequence[pl.DataFrame | None], marts: Sequence[Mart]) -> None:
        """Take in what one release showed of the same rows.

        Who cannot tell that a count is near the nearest old value cannot tell that it is near a farther one either.
        """
        start = 0
        for frame, (new, contract) in zip(old, marts, strict=True):
            size = n_quantities(contract) * new.height
            here = slice(start, start + size)
            start += size
            if frame is None:
                continue
            shown, now = _shown_values(frame, contract), self.value[here]
            self.below[here] = np.fmax(self.below[here], np.where(shown <= now + _TOLERANCE, shown, np.nan))
            self.above[here] = np.fmin(self.above[here], np.where(shown >= now - _TOLERANCE, shown, np.nan))

    def changes(self) -> list[Floats]:
        """Return how the values differ from the nearest below, and from the nearest above; NaN where nothing was.

        Where there is none on the one side, that on the other is taken, so in a registry that only grows both are the
        same.
        """
        low = np.where(np.isnan(self.below), self.above, self.below)
        high = np.where(np.isnan(self.above), self.below, self.above)
        up, down = self.value - low, self.value - high
        return [up] if np.array_equal(up, down, equal_nan=True) else [up, down]

    def is_small(self, small_cell: int) -> Flags:
        """Return the slots whose value changed by too little to be told."""
        found: Flags = np.logical_or.reduce([_is_little(by, small_cell) for by in self.changes()])
        return found


@dataclass(frozen=True)
class _Terms:
    """The terms of equations between cells; in each equation the signed cells add up to nothing."""

    equation: Cells
    cell: Cells
    sign: Floats
    is_complete: Flags
    """Per equation, whether no term of it is hidden by suppression."""

    def total(self, weight: Floats | Flags) -> Floats:
        """Return per equation what `weight`, one per term, adds up to."""
        found: Floats = np.bincount(self.equation, weight, minlength=len(self.is_complete)).astype(np.float64)
        return found

    def of(self, terms: Flags, sign: Floats | None = None) -> _Terms:
        """Return some of the terms, with other signs if they are given."""
        signs = self.sign if sign is None else sign
        return _Terms(self.equation[terms], self.cell[terms], signs[terms], self.is_complete)


@dataclass(frozen=True)
class _Change:
    """How the figures of the new marts differ from what kept releases show of them.

    Args:
        terms: The sums that hold between shown cells.
        by: New less old, per cell; the new value itself where no kept release shows the cell.
        is_open: Which cells are shown in the new marts: they can be repeated.
        is_small: Whose change must not be told.
        is_cleared: Which repeated cells are proved safe, and stay so: to repeat more rows tells less. Written to.
        goal: The smallest change that may be told.
    """

    terms: _Terms
    by: Floats
    is_open: Flags
    is_small: Flags
    is_cleared: Flags
    goal: float


def _changes(every: Table, history: _History, is_open: Flags, small_cell: int) -> Iterator[_Change]:
    """Yield the change since the nearest old values below, and since the nearest above."""
    open_cells = ~every.unseen(~is_open)
    sums = every.sums.of(open_cells)
    n_missing = np.bincount(every.sums.equation, ~open_cells[every.sums.row], minlength=sums.n_equations)
    terms = _Terms(sums.equation, sums.row, sums.sign, n_missing == 0)
    for slots in history.changes():
        by = slots[every.slot]
        # Of a figure that stands in several rows with several histories, the change that tells most counts.
        little = _is_little(by, small_cell)
        order = np.lexsort((np.abs(by), np.abs(by) < _TOLERANCE, ~little, np.isnan(by), every.cell))
        first = order[np.diff(every.cell[order], prepend=-1) != 0]
        by, is_small = by[first], little[first]
        by = np.where(open_cells, np.where(np.isnan(by), every.value, by), 0.0)
        yield _Change(terms, by, open_cells, is_small, np.zeros(len(by), dtype=bool), float(small_cell + 1))


def _is_little(by: Floats, small_cell: int) -> Flags:
    size = np.nan_to_num(np.abs(by))
    found: Flags = (size > _TOLERANCE) & (size < small_cell + 1 - _TOLERANCE)
    return found


def _shown_values(frame: pl.DataFrame, contract: MartContract) -> Floats:
    """Return what a mart shows, quantity by quantity; NaN where it shows nothing."""
    is_shown = _is_shown(frame)
    values = [np.where(is_shown, quantity.value, np.nan) for quantity in quantities(frame, contract)]
    return np.concatenate([np.zeros(0), *values])


def _aligned(new: pl.DataFrame, old: pl.DataFrame, contract: MartContract) -> pl.DataFrame:
    """Return the old rows in the order of the new ones; where there is none, a hidden one."""
    keys = [name for name in contract.grain if name in new.columns]
    rest = [name for name in contract.column_names if name not in keys]
    same = old.select(*keys, *rest).cast({name: new.schema[name] for name in (*keys, *rest)})
    return new.select(keys).join(same, on=keys, how="left", nulls_equal=True, maintain_order="left")


def _is_shown(frame: pl.DataFrame) -> Flags:
    shown: Flags = ~frame.get_column("is_suppressed").cast(pl.Boolean).fill_null(value=True).to_numpy()
    return shown


def _with_sums(changes: Sequence[_Change], every: Table, is_open: Flags) -> Flags:
    """Return the rows with a change that must not be told, and those that must be repeated with them."""
    small = np.logical_or.reduce([change.is_small for change in changes])
    rows = every.rows_of(small) & is_open
    while True:
        before = rows.copy()
        # What one kind of figure repeats is repeated in all, so the kinds are not taken at once.
        for kind in np.unique(every.kind[every.sums.row]):
            for change in changes:
                repeated = _repeated(every, is_open, rows)
                wanted = _gives_away(change, repeated) & _of_kind(change, every.kind == kind)
                rows |= _rows(every, _next_to_go(change, repeated, wanted)) & is_open
        if (rows != before).any():
            continue
        # Only where no equation by itself tells anything, the dear question is asked: do all of them together?
        for change in changes:
            rows |= _rows(every, _against_all(change, _repeated(every, is_open, rows))) & is_open
        if (rows == before).all():
            return rows


def _repeated(every: Table, is_open: Flags, rows: Flags) -> Flags:
    """Return the cells of which no row is shown anew."""
    found: Flags = ~every.unseen(~is_open) & every.unseen(~is_open | rows)
    return found


def _rows(every: Table, cells: Cells) -> Flags:
    wanted = np.zeros(len(every.value), dtype=bool)
    wanted[cells] = True
    return every.rows_of(wanted)


def _of_kind(change: _Change, cells: Flags) -> Flags:
    """Return the equations between some cells."""
    found: Flags = change.terms.total(cells[change.terms.cell]) > 0
    return found


def _gives_away(change: _Change, repeated: Flags) -> Flags:
    """Return the equations that by themselves tell a change, or that it is small."""
    terms = change.terms
    moved = repeated[terms.cell] & (np.abs(change.by[terms.cell]) > _TOLERANCE)
    signed = np.where(moved, terms.sign * change.by[terms.cell], 0.0)
    up, down = terms.total(signed > 0), terms.total(signed < 0)
    has_small = terms.total(moved & change.is_small[terms.cell]) > 0
    is_little = np.abs(terms.total(signed)) < change.goal - _TOLERANCE
    # Where one rises as another falls, both may be as large as one likes.
    found: Flags = (up + down == 1) | (has_small & ((up == 0) | (down == 0)) & is_little)
    return found


def _next_to_go(change: _Change, repeated: Flags, wanted: Flags) -> Cells:
    """Return for each wanted equation the next cell to repeat: the part that changed least, the whole last."""
    terms, size = change.terms, np.abs(change.by)
    free = change.is_open & ~repeated & (size > _TOLERANCE)
    place = np.flatnonzero(wanted[terms.equation] & free[terms.cell])
    equation, cell = terms.equation[place], terms.cell[place]
    order = np.lexsort((cell, size[cell], terms.sign[place] < 0, equation))
    is_first = np.diff(equation[order], prepend=-1) != 0
    found: Cells = cell[order][is_first]
    return found


def _against_all(change: _Change, repeated: Flags) -> Cells:
    """Return the cells to repeat because all equations together tell that a change is small."""
    terms = change.terms
    told = _told_by_all(change, repeated)
    cells = _next_to_go(change, repeated, terms.total(told[terms.cell]) > 0)
    if len(cells) or not told.any():
        return cells
    # Its own equations are all repeated; what is left to repeat is among those that hang together with them.
    used = repeated[terms.cell]
    of_cell, of_equation = connected(terms.cell[used], terms.equation[used], len(told), len(terms.is_complete))
    near = np.isin(of_equation, np.unique(of_cell[told]))
    return _next_to_go(change, repeated, near)


def _told_by_all(change: _Change, repeated: Flags) -> Flags:
    """Return the repeated cells whose change, all equations taken together, can only be small.

    Unknown is the size of every change; its direction is granted. First come the cells of which the sums tell no bound
    at all. Then a linear program makes one cell of each part that hangs together as large as can be, and others on the
    way, until every cell has either been large once or been found unable to.
    """
    told, in_sums = np.zeros((2, len(repeated)), dtype=bool)
    terms, size = change.terms, np.abs(change.by)
    # What suppression hides is unknown too, and large in sum, so an equation with it bounds nothing.
    used = (repeated & (size > _TOLERANCE))[terms.cell] & terms.is_complete[terms.equation]
    terms = terms.of(used, terms.sign * np.sign(change.by[terms.cell]))
    label, _ = connected(terms.cell, terms.equation, len(told), len(terms.is_complete))
    in_sums[terms.cell] = True
    left = change.is_small & repeated & in_sums & ~change.is_cleared
    if left.any():
        without_bound, _ = _enlarged(terms, np.zeros(len(told)), left, label, 1.0)
        change.is_cleared[without_bound] = True
        left &= ~without_bound
    while left.any():
        reached, first = _enlarged(terms, size, left, label, change.goal)
        change.is_cleared[reached] = True
        told[first[~reached[first]]] = True
        left[first] = False
        left &= ~reached
    return told


def _enlarged(terms: _Terms, size: Floats, wanted: Flags, label: Cells, goal: float) -> tuple[Flags, Cells]:
    """Return which wanted cells can reach the goal at once, and which cell of each part came before all others."""
    from scipy.optimize import linprog  # noqa: PLC0415 - scipy costs start-up time that only a release may spend
    from scipy.sparse import csr_matrix, hstack, identity  # noqa: PLC0415 - likewise

    used = np.isin(label[terms.cell], np.unique(label[wanted]))
    cells, place = np.unique(terms.cell[used], return_inverse=True)
    _, number = np.unique(terms.equation[used], return_inverse=True)
    matrix = csr_matrix((terms.sign[used], (number, place)))
    aimed = np.flatnonzero(wanted[cells])
    _, first = np.unique(label[cells[aimed]], return_index=True)
    weight = np.full(len(aimed), 0.25 / len(aimed))
    weight[first] = 1.0
    # Unknowns: the size of each change, then how much of it counts, which is up to the goal.
    result = linprog(
        np.concatenate((np.zeros(len(cells)), -weight)),
        A_ub=hstack((-identity(len(cells), format="csr")[aimed], identity(len(aimed)))).tocsr(),
        b_ub=np.zeros(len(aimed)),
        A_eq=hstack((matrix, csr_matrix((matrix.shape[0], len(aimed))))).tocsr(),
        b_eq=matrix @ size[cells],
        bounds=np.repeat([[0, np.inf], [0, goal]], [len(cells), len(aimed)], axis=0),
        method="highs",
    )
    reached = np.zeros(len(size), dtype=bool)
    if result.status == 0:
        reached[cells[aimed[result.x[len(cells) :] > goal - _TOLERANCE]]] = True
    return reached, cells[aimed[first]]


def _repeat(new: pl.DataFrame, contract: MartContract, previous: pl.DataFrame | None, repeated: Flags) -> pl.DataFrame:
    """Return the new rows with those of `previous` where they are to be repeated."""
    if not repeated.any():
        return new
    old = _aligned(new, new.clear(), contract) if previous is None else previous
    is_older, is_hidden = (pl.Series(repeated & which) for which in (_is_shown(old), ~_is_shown(old)))
    reason = pl.when(is_older).then(pl.lit(REPEATED)).when(is_hidden).then(pl.lit(DIFFERENCING))
    columns: dict[str, pl.Expr | pl.Series] = {
        "is_suppressed": new.get_column("is_suppressed") | is_hidden,
        "suppression_reason": reason.otherwise(new.get_column("suppression_reason")),
    }
    numbers = contract.with_role("count", "measure")
    for name in set(contract.column_names) - set(contract.grain) - set(columns):
        older = pl.when(is_older).then(old.get_column(name))
        anew = older.when(is_hidden).then(None) if name in numbers else older
        columns[name] = anew.otherwise(new.get_column(name))
    return new.with_columns(**columns)
