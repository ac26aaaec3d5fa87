"""Linear programs that make hidden cells as large as they can be.

What belongs here: how many programs, of what, in which order. What does not: where the sums come from (`reach.py`).

Any solution of what an outsider knows proves every cell that is large in it, so a program asks for many cells at once;
what it leaves is asked again, and at last one cell at a time, which settles it. Parts that no sum joins share a
program, but not too many of them: the time that a program takes grows faster than its size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from registry_pipeline.release.swap import Swaps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from registry_pipeline.release.attack import Flags, Floats

    Ints = NDArray[np.int64]

_TOLERANCE = 1e-6
_MOST_UNKNOWNS = 2000
_GOLDEN = 0.6180339887498949
"""Its multiples are spread evenly over an interval, so no two cells in a part weigh the same."""


@dataclass(frozen=True)
class Programs:
    """What is known of unknown cells, part by part; parts are numbered from 0 and lie one after the other.

    The first three are per term, `right` and `part_of_sum` per sum, the others per unknown.
    """

    equation: Ints
    unknown: Ints
    sign: Floats
    right: Floats
    part_of_sum: Ints
    part: Ints
    value: Floats
    """What the cell is; this is one solution."""
    at_least: Floats
    """What the cell ought to be able to reach; 0 where nothing is asked."""

    def only(self, parts: Ints) -> Programs:
        """Return some of the parts, numbered anew."""
        wanted = np.zeros(int(self.part[-1]) + 1, dtype=bool)
        wanted[parts] = True
        cells, equations, terms = wanted[self.part], wanted[self.part_of_sum], wanted[self.part[self.unknown]]
        number = np.cumsum(wanted) - 1
        return Programs(
            (np.cumsum(equations) - 1)[self.equation[terms]],
            (np.cumsum(cells) - 1)[self.unknown[terms]],
            self.sign[terms],
            self.right[equations],
            number[self.part_of_sum[equations]],
            number[self.part[cells]],
            self.value[cells],
            self.at_least[cells],
        )


def reachable(programs: Programs) -> Flags:
    """Return the unknowns that reach what is asked of them in some solution; each has its own.

    Unknowns of which nothing is asked are False.
    """
    wanted = programs.at_least > 0
    one_by_one = np.zeros(int(programs.part[-1]) + 1, dtype=bool)
    swaps = Swaps.between(programs.equation, programs.unknown, programs.sign, len(programs.right), len(programs.part))
    found = swaps.proved(programs.value, wanted, programs.at_least)
    wanted &= ~found
    turn = 0
    while wanted.any():
        alone = one_by_one[programs.part]
        target = wanted & (~alone | _first_of_part(wanted, programs.part))
        weight = np.where(target, 1.0 + (np.arange(len(wanted)) * (turn + 1) * _GOLDEN) % 1, 0.0)
        solution = _largest(programs, weight)
        reached = wanted & (solution >= programs.at_least - _TOLERANCE)
        reached |= swaps.proved(solution, wanted & ~reached, programs.at_least)
        found |= reached
        settled = reached | (target & alone)
        one_by_one |= np.bincount(programs.part, reached, minlength=len(one_by_one)) == 0
        wanted &= ~settled
        turn += 1
    return found


def _first_of_part(wanted: Flags, part: Ints) -> Flags:
    found = np.zeros(len(part), dtype=bool)
    places = np.flatnonzero(wanted)
    found[places[np.unique(part[places], return_index=True)[1]]] = True
    return found


def _largest(programs: Programs, weight: Floats) -> Floats:
    """Return a solution in which the weighted cells are large; minus infinity where nothing is asked."""
    found = np.full(len(weight), -np.inf)
    parts = np.unique(programs.part[weight > 0])
    asked = np.isin(programs.part, parts)
    found[asked] = np.concatenate(
        [_solved(chunk, its_weight) for chunk, its_weight in _chunks(programs.only(parts), weight[asked])]
    )
    return found


def _chunks(programs: Programs, weight: Floats) -> Iterator[tuple[Programs, Floats]]:
    """Yield whole parts, as many as a program should have."""
    size = np.bincount(programs.part)
    number = (np.cumsum(size) - size) // _MOST_UNKNOWNS
    cells = np.searchsorted(number[programs.part], np.arange(number[-1] + 2))
    of_sum = np.searchsorted(number[programs.part_of_sum], np.arange(number[-1] + 2))
    terms = np.searchsorted(number[programs.part[programs.unknown]], np.arange(number[-1] + 2))
    for turn in range(int(number[-1]) + 1):
        a, b, c, d, e, f = (edges[turn + step] for edges in (cells, of_sum, terms) for step in (0, 1))
        if a == b:
            continue
        yield (
            Programs(
                programs.equation[e:f] - c,
                programs.unknown[e:f] - a,
                programs.sign[e:f],
                programs.right[c:d],
                programs.part_of_sum[c:d],
                programs.part[a:b],
                programs.value[a:b],
                programs.at_least[a:b],
            ),
            weight[a:b],
        )


def _solved(programs: Programs, weight: Floats) -> Floats:
    """Return a solution that makes the weighted sum of the cells largest, none of them more than is asked of it."""
    from scipy.optimize import (  # noqa: PLC0415 - scipy costs start-up time that only a release may spend
        Bounds,
        LinearConstraint,
        milp,
    )
    from scipy.sparse import csc_matrix  # noqa: PLC0415 - likewise

    size = len(weight)
    matrix = csc_matrix((programs.sign, (programs.equation, programs.unknown)), shape=(len(programs.right), size))
    upper = np.where(weight > 0, programs.at_least, np.inf)
    # `milp` without whole numbers is a linear program, with less around it than `linprog`. To simplify programs that
    # are as plain as these takes longer than to solve them.
    result = milp(
        -weight,
        constraints=LinearConstraint(matrix, programs.right, programs.right),
        bounds=Bounds(np.minimum(programs.value, 0.0), upper),
        options={"presolve": False},
    )
    if result.x is None:
        return np.full(size, -np.inf)
    found: Floats = result.x
    return found
