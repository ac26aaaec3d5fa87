"""How large each hidden cell could be, for all that an outsider knows.

What belongs here: which hidden cells an outsider can tell to be small. What does not: which sums he knows
(`attack.py`), the linear programs (`cover.py`), and what is hidden (`secondary.py`).

A hidden cell is safe where another registry would publish the very same numbers and have that cell above the threshold.
Most cells are judged without a program: a sum with one unknown gives it away, a sum that leaves too little caps its
parts, and a cell in no sum may be anything. The rest falls into parts that no sum joins, many of which are alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from registry_pipeline.release.cover import Programs, reachable
from registry_pipeline.release.hashes import mixed
from registry_pipeline.release.sums import connected

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from registry_pipeline.release.sums import Flags, Floats, Sums

    Ints = NDArray[np.int64]

_TOLERANCE = 1e-6
_DIGITS = 6


def exposed(equations: Sums, value: Floats, hidden: Flags, at_least: Floats) -> Flags:
    """Return the hidden cells that an outsider can tell to be below what they ought to hide.

    Args:
        equations: The sums that hold.
        value: What each cell is.
        hidden: Which cells an outsider does not see.
        at_least: What each hidden cell must possibly be; 0 where nothing needs protection.
    """
    wanted = hidden & (at_least > 0)
    unknown, system = _unknown(equations, value, hidden)
    found = (wanted & ~unknown) | _capped(system, value, np.where(wanted, at_least, 0.0))
    doubtful = np.where(wanted & ~found, at_least, 0.0)
    cells, programs = _programs(system, value, doubtful)
    if len(cells):
        alike = _alike(programs)
        first = reachable(programs.only(np.unique(alike)))
        found[cells] |= (programs.at_least > 0) & ~_as_first(programs, alike, first)
    return found


def _unknown(equations: Sums, value: Floats, hidden: Flags) -> tuple[Flags, Sums]:
    """Return the cells that no single sum gives away, and the sums with these alone as terms."""
    unknown, system = hidden.copy(), equations
    while True:
        system = system.of(unknown)
        n_unknown = np.bincount(system.equation, minlength=system.n_equations)
        total = np.bincount(system.equation, np.abs(value[system.row]), minlength=system.n_equations)
        # Parts of a shown whole that leave nothing to each other are all nothing.
        solved = (n_unknown == 1) | (~_open_ended(system) & (total < _TOLERANCE))
        given_away = system.row[solved[system.equation]]
        if not len(given_away):
            return unknown, system
        unknown[given_away] = False


def _open_ended(system: Sums) -> Flags:
    """Return the sums whose whole is unknown."""
    found: Flags = np.bincount(system.equation, system.sign < 0, minlength=system.n_equations) > 0
    return found


def _capped(system: Sums, value: Floats, at_least: Floats) -> Flags:
    """Return the cells that are parts of too little."""
    found = np.zeros(len(value), dtype=bool)
    total = np.bincount(system.equation, value[system.row], minlength=system.n_equations)
    # Where something is below nothing, parts are not bounded by their sum; the program knows better.
    is_odd = np.bincount(system.equation, value[system.row] < 0, minlength=system.n_equations) > 0
    caps = ~_open_ended(system) & ~is_odd
    found[system.row[caps[system.equation] & (total[system.equation] < at_least[system.row] - _TOLERANCE)]] = True
    return found


def _programs(system: Sums, value: Floats, at_least: Floats) -> tuple[Ints, Programs]:
    """Return the cells that the doubtful ones are connected with, and what is known of them, part by part."""
    of_cell, of_sum = connected(system.row, system.equation, len(value), system.n_equations)
    used = np.unique(system.equation)
    # A sum that stands alone either caps its parts, which is settled, or lets each of them be as large as it likes.
    n_sums = np.bincount(of_sum[used], minlength=len(value) + system.n_equations)
    wanted = np.zeros(len(n_sums), dtype=bool)
    wanted[of_cell[np.flatnonzero(at_least > 0)]] = True
    wanted &= n_sums > 1
    cells, sums = np.flatnonzero(wanted[of_cell]), used[wanted[of_sum[used]]]
    cells, sums = cells[np.argsort(of_cell[cells], kind="stable")], sums[np.argsort(of_sum[sums], kind="stable")]
    place, number = np.zeros(len(value), dtype=np.int64), np.zeros(system.n_equations, dtype=np.int64)
    place[cells], number[sums] = np.arange(len(cells)), np.arange(len(sums))
    terms = np.flatnonzero(wanted[of_cell[system.row]])
    terms = terms[np.lexsort((place[system.row[terms]], number[system.equation[terms]]))]
    right = np.bincount(system.equation, system.sign * value[system.row], minlength=system.n_equations)
    return cells, Programs(
        equation=number[system.equation[terms]],
        unknown=place[system.row[terms]],
        sign=system.sign[terms],
        right=right[sums].astype(np.float64),
        part_of_sum=_numbered(of_sum[sums]),
        part=_numbered(of_cell[cells]),
        value=value[cells],
        at_least=at_least[cells],
    )


def _numbered(label: Ints) -> Ints:
    """Number labels, which lie in ascending order, from 0."""
    found: Ints = np.cumsum(np.diff(label, prepend=label[:1]) > 0)
    return found


def _alike(programs: Programs) -> Ints:
    """Return, for each part, the first one that asks the very same."""
    unknown = _number_within(programs.part)
    equation = _number_within(programs.part_of_sum)
    term_part = programs.part[programs.unknown]
    marks = np.zeros((int(programs.part.max()) + 1, 2), dtype=np.uint64)
    for side in range(2):
        seed = side + 1
        terms = mixed(seed, equation[programs.equation], unknown[programs.unknown], programs.sign)
        rights = mixed(seed + 2, equation, np.round(programs.right, _DIGITS))
        cells = mixed(seed + 4, unknown, programs.at_least, np.minimum(programs.value, 0.0))
        for part, mark in ((term_part, terms), (programs.part_of_sum, rights), (programs.part, cells)):
            np.add.at(marks[:, side], part, mark)
    first, inverse = np.unique(marks, axis=0, return_index=True, return_inverse=True)[1:]
    found: Ints = first[inverse.ravel()]
    return found


def _as_first(programs: Programs, alike: Ints, first: Flags) -> Flags:
    """Spread what is known of the first of each kind over all of them."""
    chosen = np.unique(alike)
    within = _number_within(programs.part)
    size = np.bincount(programs.part)
    starts = np.zeros(len(size), dtype=np.int64)
    starts[chosen] = np.cumsum(size[chosen]) - size[chosen]
    found: Flags = first[starts[alike[programs.part]] + within]
    return found


def _number_within(part: Ints) -> Ints:
    """Count from 0 in each part; parts lie one after the other."""
    starts = np.searchsorted(part, np.arange(int(part[-1]) + 1))
    found: Ints = np.arange(len(part)) - starts[part]
    return found
