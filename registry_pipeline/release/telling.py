"""What follows from the figures shown anew: which further rows must be repeated with those that changed by few.

What belongs here: changes, the sums between them, and what these tell. What does not: comparing releases, and
repeating rows (`differencing.py`).

An outsider is taken to know which sums hold, every row shown anew, and of every repeated row whether it rose, fell or
stayed. A change of 1 to `small_cell` must, for all that, possibly be a larger one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from registry_pipeline.release.sums import connected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from registry_pipeline.release.attack import Table

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Cells = NDArray[np.int64]

_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Terms:
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

    def of(self, terms: Flags, sign: Floats | None = None) -> Terms:
        """Return some of the terms, with other signs if they are given."""
        signs = self.sign if sign is None else sign
        return Terms(self.equation[terms], self.cell[terms], signs[terms], self.is_complete)


@dataclass(frozen=True)
class Change:
    """How the figures of the new marts differ from what kept releases show of them.

    Args:
        terms: The sums that hold between shown cells.
        by: New less old, per cell; the new value itself where no kept release shows the cell.
        is_open: Which cells are shown in the new marts: they can be repeated.
        is_small: Whose change must not be told.
        is_cleared: Which repeated cells are proved safe, and stay so: to repeat more rows tells less. Written to.
        goal: The smallest change that may be told.
    """

    terms: Terms
    by: Floats
    is_open: Flags
    is_small: Flags
    is_cleared: Flags
    goal: float


def changes(every: Table, since: Sequence[Floats], is_open: Flags, small_cell: int) -> Iterator[Change]:
    """Yield the changes of figures.

    Args:
        every: The new marts, with every number.
        since: Of each slot by how much it changed since the nearest old value below, and since the nearest above; NaN
            where no kept release shows it.
        is_open: Which rows are shown.
        small_cell: The largest change that is not told.
    """
    open_cells = every.standing_in(is_open)
    sums = every.sums.of(open_cells)
    n_missing = np.bincount(every.sums.equation, ~open_cells[every.sums.row], minlength=sums.n_equations)
    terms = Terms(sums.equation, sums.row, sums.sign, n_missing == 0)
    for slots in since:
        by = slots[every.slot]
        # Of a figure that stands in several rows with several histories, the change that tells most counts.
        little = is_little(by, small_cell)
        order = np.lexsort((np.abs(by), np.abs(by) < _TOLERANCE, ~little, np.isnan(by), every.cell))
        first = order[np.diff(every.cell[order], prepend=-1) != 0]
        by, is_small = by[first], little[first]
        by = np.where(open_cells, np.where(np.isnan(by), every.value, by), 0.0)
        yield Change(terms, by, open_cells, is_small, np.zeros(len(by), dtype=bool), float(small_cell + 1))


def is_little(by: Floats, small_cell: int) -> Flags:
    """Return which changes are some and too few to be told; NaN is no change."""
    size = np.nan_to_num(np.abs(by))
    found: Flags = (size > _TOLERANCE) & (size < small_cell + 1 - _TOLERANCE)
    return found


def with_sums(changes: Sequence[Change], every: Table, is_open: Flags) -> Flags:
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
                rows |= every.rows_of(_next_to_go(change, repeated, wanted)) & is_open
        if (rows != before).any():
            continue
        # Only where no equation by itself tells anything, the dear question is asked: do all of them together?
        for change in changes:
            rows |= every.rows_of(_against_all(change, _repeated(every, is_open, rows))) & is_open
        if (rows == before).all():
            return rows


def _repeated(every: Table, is_open: Flags, rows: Flags) -> Flags:
    """Return the cells of which no row is shown anew."""
    return every.standing_in(is_open) & ~every.standing_in(is_open & ~rows)


def _of_kind(change: Change, cells: Flags) -> Flags:
    """Return the equations between some cells."""
    found: Flags = change.terms.total(cells[change.terms.cell]) > 0
    return found


def _gives_away(change: Change, repeated: Flags) -> Flags:
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


def _next_to_go(change: Change, repeated: Flags, wanted: Flags) -> Cells:
    """Return for each wanted equation the next cell to repeat: the part that changed least, the whole last."""
    terms, size = change.terms, np.abs(change.by)
    free = change.is_open & ~repeated & (size > _TOLERANCE)
    place = np.flatnonzero(wanted[terms.equation] & free[terms.cell])
    equation, cell = terms.equation[place], terms.cell[place]
    order = np.lexsort((cell, size[cell], terms.sign[place] < 0, equation))
    is_first = np.diff(equation[order], prepend=-1) != 0
    found: Cells = cell[order][is_first]
    return found


def _against_all(change: Change, repeated: Flags) -> Cells:
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


def _told_by_all(change: Change, repeated: Flags) -> Flags:
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


def _enlarged(terms: Terms, size: Floats, wanted: Flags, label: Cells, goal: float) -> tuple[Flags, Cells]:
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
