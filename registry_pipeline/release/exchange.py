"""Which further rows must be hidden so that one given cell could be large: an exchange of people between cells.

What belongs here: the linear program that finds the cheapest exchange. What does not: which cells need one
(`reach.py`), and when to stop (`secondary.py`).

An exchange moves people between cells such that every sum still holds and the given cell gets large. Where every cell
that it changes is hidden, an outsider cannot tell whether it took place.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from registry_pipeline.release.attack import Flags, Floats, Table

    Ints = NDArray[np.int64]

_MOST_CELLS = 4000
"""A program gets parts of the mart up to this size together; many small ones would take longer, one large one too."""
_WHOLE_COST = 100.0
"""A margin is worth as much as so many cells: it is hidden only where little else helps."""
_SOLVERS_ZERO = 1e-7


def around(every: Table, open_cells: Flags) -> Table:
    """Return the table with the sums alone that touch, directly or through others, an open cell."""
    of_cell, of_sum = every.parts
    wanted = np.zeros(int(max(of_cell.max(initial=-1), of_sum.max(initial=-1))) + 1, dtype=bool)
    wanted[of_cell[open_cells]] = True
    return replace(every, sums=every.sums.only(wanted[of_sum]))


def exchanged(every: Table, hidden: Flags, open_cells: Flags) -> Flags:
    """Hide what the cheapest exchanges change, for one open cell of each part that sums hold together.

    What one kind of figure hides is hidden in all, so one kind is taken at a time.

    Args:
        every: The cells and sums.
        hidden: The rows that are hidden already; changing them costs nothing.
        open_cells: The cells that need an exchange.
    """
    label, _ = every.parts
    cells = np.flatnonzero(open_cells)
    cells = cells[every.kind[cells] == every.kind[cells].min()]
    targets = cells[np.unique(label[cells], return_index=True)[1]]
    cost = _cost(every, hidden)
    changed = [_changed(every, chunk, label, cost) for chunk in _chunks(targets, label)]
    return hidden | every.rows_of(np.concatenate(changed))


def _cost(every: Table, hidden: Flags) -> Floats:
    """Return what it costs to change each cell by one: the rows that it hides, and much where it is a margin."""
    size = every.value / (1.0 + every.value.max(initial=0.0))
    found: Floats = every.n_shown(hidden) * (np.where(every.is_whole, _WHOLE_COST, 1.0) + size)
    return found


def _chunks(targets: Ints, label: Ints) -> Iterator[Ints]:
    """Yield the targets, as many as a program should have."""
    size = np.bincount(label)[label[targets]]
    number = (np.cumsum(size) - size) // _MOST_CELLS
    yield from np.split(targets, np.flatnonzero(np.diff(number)) + 1)


def _changed(every: Table, targets: Ints, label: Ints, cost: Floats) -> Ints:
    """Return the cells that the cheapest exchanges for the targets change."""
    from scipy.optimize import linprog  # noqa: PLC0415 - scipy costs start-up time that only a release may spend
    from scipy.sparse import csc_matrix, hstack  # noqa: PLC0415 - likewise

    is_wanted = np.zeros(int(label.max()) + 1, dtype=bool)
    is_wanted[label[targets]] = True
    cells = np.flatnonzero(is_wanted[label])
    place = np.full(len(every.value), -1)
    place[cells] = np.arange(len(cells))
    sums = every.sums.of(place >= 0)
    used, equation = np.unique(sums.equation, return_inverse=True)
    matrix = csc_matrix((sums.sign, (equation, place[sums.row])), shape=(len(used), len(cells)))
    more, fewer = np.full(len(cells), np.inf), np.maximum(every.value[cells], 0.0)
    least, at = np.zeros(len(cells)), place[targets]
    least[at] = more[at] = every.at_least[targets] - every.value[targets]
    fewer[at] = 0.0
    result = linprog(
        np.tile(cost[cells], 2),
        A_eq=hstack((matrix, -matrix)).tocsc(),
        b_eq=np.zeros(len(used)),
        bounds=np.column_stack((np.concatenate((least, np.zeros(len(cells)))), np.concatenate((more, fewer)))),
        method="highs",
    )
    # Where no exchange is possible, nothing less than the whole part will do.
    return cells if result.status != 0 else cells[result.x.reshape(2, -1).max(axis=0) > _SOLVERS_ZERO]
