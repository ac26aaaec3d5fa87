"""Secondary suppression: what else must be hidden so that what is hidden cannot be worked out.

What belongs here: choosing rows. What does not: which cells are small (`disclosure.py`), and what can be worked out
(`reach.py`): rows are chosen until that is nothing.

In a small mart the fewest rows are chosen, and of these the smallest (`fewest.py`). In a large one that would take
for ever, so there rows are hidden sum by sum until no sum caps a cell, and then one exchange of people at a time
(`exchange.py`). A figure is hidden with all rows that it stands in. Hiding more never gives away what was safe, so what
is chosen for one cell stays for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from registry_pipeline.errors import GateRefusedError
from registry_pipeline.release.attack import Table, table
from registry_pipeline.release.exchange import around, exchanged
from registry_pipeline.release.fewest import fewest
from registry_pipeline.release.reach import exposed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_pipeline.release.attack import Flags, Floats, Ints, Mart

MOST_ROWS_FOR_THE_FEWEST = 150
"""Marts with more rows than this are not searched for the fewest rows."""
_MOST_ROUNDS = 500


def also_hidden(marts: Sequence[Mart], hidden: Flags, small_cell: int) -> Flags:
    """Return the hidden rows and those that must be hidden with them.

    Args:
        marts: Every mart as built, with its contract.
        hidden: Of their rows, one mart after the other, those hidden because of what is in them.
        small_cell: The largest count that is hidden.

    Raises:
        GateRefusedError: If no choice of rows protects every cell.
    """
    if not hidden.any() or hidden.all():
        return hidden
    every = table(marts, small_cell)
    of_small_marts = ~every.standing_in(~_are_in_small_marts(marts))
    hidden = fewest(every, hidden, still_exposed(every, hidden, np.where(of_small_marts, every.at_least, 0.0)))
    hidden = filled(every, hidden)
    open_cells = still_exposed(every, hidden, every.at_least)
    every = around(every, open_cells)
    for _ in range(_MOST_ROUNDS):
        if not open_cells.any():
            return hidden
        hidden = exchanged(every, hidden, open_cells)
        open_cells = still_exposed(every, hidden, np.where(open_cells, every.at_least, 0.0))
    raise GateRefusedError(
        "The hidden cells of the marts cannot be protected.",
        remedy="Nothing was published. Publish fewer breakdowns.",
    )


def exposed_rows(marts: Sequence[Mart], hidden: Flags, small_cell: int) -> Flags:
    """Return the rows with a cell that an outsider sees, or can tell, to be small when `hidden` is all he does not see.

    Args:
        marts: Every mart as built, with its contract.
        hidden: Which of their rows, one mart after the other, the release hides.
        small_cell: The largest count that is hidden.
    """
    every = table(marts, small_cell)
    seen = (every.at_least > 0) & ~every.unseen(hidden)
    return every.rows_of(seen | still_exposed(every, hidden, every.at_least))


def still_exposed(every: Table, hidden: Flags, at_least: Floats) -> Flags:
    """Return the cells, of those asked about, that an outsider can tell to be small."""
    return exposed(every.sums, every.value, every.unseen(hidden), at_least)


def filled(every: Table, hidden: Flags) -> Flags:
    """Hide parts of each shown whole until what it leaves to the hidden ones could be one of them.

    Each turn hides one part per sum: the smallest that suffices, or else the largest. What one kind of figure hides is
    hidden in all, so the kinds are not taken at once.
    """
    hidden, sums = hidden.copy(), every.sums
    kind = np.zeros(sums.n_equations, dtype=np.int64)
    kind[sums.equation] = every.kind[sums.row]
    while sums.n_equations:
        before = hidden.copy()
        for number in np.unique(kind):
            hidden |= every.rows_of(_to_fill(every, every.unseen(hidden), kind == number))
        if (hidden == before).all():
            break
    return hidden


def _to_fill(every: Table, unseen: Flags, wanted: Flags) -> Ints:
    """Return one part to hide of each wanted sum that leaves too little."""
    terms = wanted[every.sums.equation]
    equation, cell, is_part = every.sums.equation[terms], every.sums.row[terms], every.sums.sign[terms] > 0
    has_whole = np.bincount(equation, ~is_part & ~unseen[cell], minlength=len(wanted)) > 0
    equation, cell = equation[is_part], cell[is_part]
    known, value = ~unseen[cell], every.value[cell]
    left = np.bincount(equation, np.where(known, 0.0, value), minlength=len(wanted))
    need = np.zeros(len(wanted))
    np.maximum.at(need, equation[~known], every.at_least[cell[~known]])
    lack = np.where(has_whole, need - left, 0.0)
    free = np.flatnonzero(known & (lack[equation] > 0) & (value > 0))
    suffices = value[free] >= lack[equation[free]]
    order = np.lexsort((cell[free], np.where(suffices, value[free], -value[free]), ~suffices, equation[free]))
    first = np.unique(equation[free][order], return_index=True)[1]
    found: Ints = cell[free[order[first]]]
    return found


def _are_in_small_marts(marts: Sequence[Mart]) -> Flags:
    sizes = [frame.height for frame, _ in marts]
    return np.repeat([size <= MOST_ROWS_FOR_THE_FEWEST for size in sizes], sizes)
