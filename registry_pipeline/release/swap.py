"""Further cells that a solution proves: by one swap between four cells it becomes another that has them large.

What belongs here: swaps. What does not: finding solutions (`cover.py`).

A cell grows by what large cells of its one sum shrink; in its other sum, cells shrink by as much together; and where
the further sums of two shrinking cells meet, a cell grows. So a program need not ask for every cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from registry_pipeline.release.attack import Flags, Floats

    Ints = NDArray[np.int64]

_TOLERANCE = 1e-6
_MOST_GIVERS = 4
"""How many cells of a sum, from the largest down, a cell may grow by."""


@dataclass(frozen=True)
class Swaps:
    """The cells that lie in two sums each, by these.

    Args:
        sums: For each cell its two sums, in ascending order; -1 where it lies in more or fewer.
        signs: For each cell its sign in both.
        members: The cells of all sums, one sum after the other, where each cell has two sums.
        starts: Where each sum begins among `members`, and where the last one ends.
        keys: The pairs of sums in which a cell lies, in ascending order, each as one number.
        cells: The cell that lies in each of these.
    """

    sums: Ints
    signs: Floats
    members: Ints
    starts: Ints
    keys: Ints
    cells: Ints

    @classmethod
    def between(cls, equation: Ints, unknown: Ints, sign: Floats, n_sums: int, n_cells: int) -> Swaps:
        """Return the swaps between the cells of some sums."""
        is_double = np.bincount(unknown, minlength=n_cells) == 2  # noqa: PLR2004 - both sums of a swap
        terms = np.flatnonzero(is_double[unknown])
        terms = terms[np.lexsort((equation[terms], unknown[terms]))]
        sums, signs = np.full((n_cells, 2), -1), np.zeros((n_cells, 2))
        cells = unknown[terms[::2]]
        sums[cells], signs[cells] = equation[terms].reshape(-1, 2), sign[terms].reshape(-1, 2)
        keys = sums[cells, 0] * n_sums + sums[cells, 1]
        order = np.argsort(keys, kind="stable")
        by_sum = terms[np.lexsort((unknown[terms], equation[terms]))]
        starts = np.searchsorted(equation[by_sum], np.arange(n_sums + 1))
        return cls(sums, signs, unknown[by_sum], starts, keys[order], cells[order])

    def proved(self, solution: Floats, wanted: Flags, at_least: Floats) -> Flags:
        """Return the wanted cells that a swap makes as large as is asked.

        Args:
            solution: What each cell is in some solution; minus infinity where there is none.
            wanted: Of which cells to judge.
            at_least: What is asked of each cell.
        """
        found = np.zeros(len(solution), dtype=bool)
        ranked = self._ranked(solution)
        for side in (0, 1):
            cells = np.flatnonzero(wanted & ~found & (self.signs[:, side] > 0) & np.isfinite(solution))
            grown = self._grown(cells, side, ranked, solution, at_least[cells] - solution[cells])
            found[cells[solution[cells] + grown >= at_least[cells] - _TOLERANCE]] = True
        return found

    def _ranked(self, solution: Floats) -> Ints:
        """Return the members of each sum, the largest part first and the whole last."""
        number = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        is_whole = self._sign_in(self.members, number) < 0
        return self.members[np.lexsort((self.members, -solution[self.members], is_whole, number))]

    def _grown(self, cells: Ints, side: int, ranked: Ints, solution: Floats, need: Floats) -> Floats:
        """Return by how much each cell can grow, up to its need, when the cells of its sum on `side` give."""
        grown = np.zeros(len(cells))
        shared, other = self.sums[cells, side], self.sums[cells, 1 - side]
        pair, second = self._pairs(other)
        change = -self.signs[cells, 1 - side][pair] * self._sign_in(second, other[pair])
        room = np.where(change < 0, np.maximum(solution[second], 0.0), np.inf)
        room[second == cells[pair]] = 0.0
        for rank in range(_MOST_GIVERS):
            place = self.starts[shared] + rank
            giver = ranked[np.minimum(place, len(ranked) - 1)]
            gives = (place < self.starts[shared + 1]) & (giver != cells) & (self._sign_in(giver, shared) > 0)
            gift = np.where(gives, np.minimum(solution[giver], need - grown), 0.0)
            used = np.flatnonzero((gift[pair] > 0) & (room > 0))
            if not len(used):
                continue
            at = pair[used]
            fits = self._closes(shared[at], giver[at], other[at], second[used], change[used])
            used, at = used[fits], at[fits]
            offered = np.minimum(room[used], gift[at])
            before = np.cumsum(offered) - offered
            first = np.searchsorted(at, at)
            taken = np.clip(gift[at] - (before - before[first]), 0.0, offered)
            room[used] -= taken
            np.add.at(grown, at, taken)
        return grown

    def _pairs(self, sums: Ints) -> tuple[Ints, Ints]:
        """Return each member of each of some sums, with the number of the sum among them."""
        size = self.starts[sums + 1] - self.starts[sums]
        pair = np.repeat(np.arange(len(sums)), size)
        within = np.arange(len(pair)) - np.repeat(np.cumsum(size) - size, size)
        return pair, self.members[self.starts[sums][pair] + within]

    def _closes(self, shared: Ints, giver: Ints, other: Ints, second: Ints, change: Floats) -> Flags:
        """Return where the further sums of the giver and the second cell meet in a cell that grows."""
        first_sum, second_sum = self._further(giver, shared), self._further(second, other)
        closing = self._meeting(first_sum, second_sum)
        # Where two of the four share both sums there is no swap.
        fits = (closing >= 0) & (second_sum != shared) & (first_sum != other)
        grows = self._sign_in(giver, first_sum) * self._sign_in(closing, first_sum)
        agrees = grows == -change * self._sign_in(second, second_sum) * self._sign_in(closing, second_sum)
        # The closing cell may close for several, so it may grow only: to shrink it would have to be shared out.
        closes: Flags = fits & agrees & (grows > 0)
        return closes

    def _sign_in(self, cells: Ints, sums: Ints) -> Floats:
        found: Floats = np.where(self.sums[cells, 0] == sums, self.signs[cells, 0], self.signs[cells, 1])
        return found

    def _further(self, cells: Ints, sums: Ints) -> Ints:
        """Return the sum in which each cell lies besides."""
        found: Ints = np.where(self.sums[cells, 0] == sums, self.sums[cells, 1], self.sums[cells, 0])
        return found

    def _meeting(self, left: Ints, right: Ints) -> Ints:
        """Return the cell that lies in both sums; -1 where there is none."""
        if not len(self.keys):
            return np.full(len(left), -1)
        key = np.minimum(left, right) * (len(self.starts) - 1) + np.maximum(left, right)
        place = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        return np.where(self.keys[place] == key, self.cells[place], -1)
