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


def around(mart: Table, open_cells: Flags) -> Table:
    """Return the mart with the sums alone that touch, directly or through others, the row of an open cell."""
    label = mart.parts
    wanted = np.zeros(int(label.max()) + 1, dtype=bool)
    wanted[label[np.flatnonzero(open_cells) % mart.n_rows]] = True
    touched = np.zeros(mart.sums.n_equations, dtype=bool)
    touched[mart.sums.equation[wanted[label[mart.sums.row % mart.n_rows]]]] = True
    return replace(mart, sums=mart.sums.only(touched))


def exchanged(mart: Table, hidden: Flags, open_cells: Flags) -> Flags:
    """Hide what the cheapest exchanges change, for one open cell of each part of the mart that sums hold together.

    Args:
        mart: The mart's cells and sums.
        hidden: The rows that are hidden already; changing them costs nothing.
        open_cells: The cells that need an exchange.
    """
    hidden, label = hidden.copy(), mart.parts
    cells = np.flatnonzero(open_cells)
    targets = cells[np.unique(label[cells % mart.n_rows], return_index=True)[1]]
    cost = _cost(mart, hidden)
    for chunk in _chunks(targets, label, mart.n_rows):
        hidden[_changed(mart, chunk, label, cost) % mart.n_rows] = True
    return hidden


def _cost(mart: Table, hidden: Flags) -> Floats:
    """Return what it costs to change each cell by one: nothing where it is hidden, much where it is a margin."""
    largest = mart.value.reshape(-1, mart.n_rows).max(axis=0)
    per_row = np.where(mart.is_whole, _WHOLE_COST, 1.0) + largest / (1.0 + largest.max())
    return np.tile(np.where(hidden, 0.0, per_row), len(mart.value) // mart.n_rows)


def _chunks(targets: Ints, label: Ints, n_rows: int) -> Iterator[Ints]:
    """Yield the targets, as many as a program should have."""
    size = np.bincount(label)[label[targets % n_rows]]
    number = (np.cumsum(size) - size) // _MOST_CELLS
    yield from np.split(targets, np.flatnonzero(np.diff(number)) + 1)


def _changed(mart: Table, targets: Ints, label: Ints, cost: Floats) -> Ints:
    """Return the cells that the cheapest exchanges for the targets change."""
    from scipy.optimize import linprog  # noqa: PLC0415 - scipy costs start-up time that only a release may spend
    from scipy.sparse import csc_matrix, hstack  # noqa: PLC0415 - likewise

    quantity = np.full(int(label.max()) + 1, -1)
    quantity[label[targets % mart.n_rows]] = targets // mart.n_rows
    rows = np.flatnonzero(quantity[label] >= 0)
    cells = quantity[label[rows]] * mart.n_rows + rows
    place = np.full(len(mart.value), -1)
    place[cells] = np.arange(len(cells))
    sums = mart.sums.of(place >= 0)
    used, equation = np.unique(sums.equation, return_inverse=True)
    matrix = csc_matrix((sums.sign, (equation, place[sums.row])), shape=(len(used), len(cells)))
    more, fewer = np.full(len(cells), np.inf), np.maximum(mart.value[cells], 0.0)
    least, at = np.zeros(len(cells)), place[targets]
    least[at] = more[at] = mart.at_least[targets] - mart.value[targets]
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
