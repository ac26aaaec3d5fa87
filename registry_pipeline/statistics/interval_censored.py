"""Times known only to lie between two visits: Turnbull's estimate of survival.

What belongs here: the estimator on intervals. What does not: what the intervals are (SQL), and curves at visit times
(`survival.py`), which are late by up to one gap between visits.
Source: Turnbull 1976; the intervals that may hold mass as in Peto 1973. His self-consistency takes thousands of rounds
where masses fade away, so the same likelihood is climbed by Newton steps inside the boundary (Wright 1997, ch. 1).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from registry_pipeline.statistics.rates import Floats

# How far the score of a cell may be from what the maximum asks for; the mass is about as exact.
_TOLERANCE = 1e-11
_MAX_STEPS = 200


class Turnbull(NamedTuple):
    """Probability mass in disjoint intervals (left, right] and the survival after each; right is inf for the last."""

    left: Floats
    right: Floats
    mass: Floats
    survival: Floats

    def bounds_at(self, day: ArrayLike) -> tuple[Floats, Floats]:
        """Return the least and the greatest survival at each day: inside an interval nobody knows where the mass is."""
        days = np.asarray(day, dtype=np.float64)
        survival = np.concatenate(([1.0], self.survival))
        low = survival[np.searchsorted(self.left, days, side="left")]
        return low, survival[np.searchsorted(self.right, days, side="right")]


class _Data(NamedTuple):
    """Which cells each interval covers, from `first` up to but not `after`, and the share of patients who have it."""

    first: NDArray[np.intp]
    after: NDArray[np.intp]
    weight: Floats
    n_cells: int


def turnbull(left: ArrayLike, right: ArrayLike, weight: ArrayLike | None = None) -> Turnbull:
    """Return the nonparametric maximum-likelihood estimate.

    Args:
        left: Last day on which the patient was known to be well.
        right: First day on which the event had happened; inf or NaN when it was never seen.
        weight: How many patients share each interval; one when None.
    """
    low = np.asarray(left, dtype=np.float64)
    high = np.nan_to_num(np.asarray(right, dtype=np.float64), nan=np.inf)
    n = np.ones_like(low) if weight is None else np.asarray(weight, dtype=np.float64)
    cell_left, cell_right = _cells(low, high)
    first = np.searchsorted(cell_left, low, side="left")
    after = np.searchsorted(cell_right, high, side="right")
    mass = _most_likely(_Data(first, after, n / n.sum(), len(cell_left)))
    return Turnbull(cell_left, cell_right, mass, np.maximum(1 - np.cumsum(mass), 0.0))


def _most_likely(data: _Data) -> Floats:
    """Return the mass with score <= 1 in every cell and = 1 where there is mass: so the maximum is known."""
    mass = np.full(data.n_cells, 1 / data.n_cells)
    slack = np.full(data.n_cells, 1.0)
    for _ in range(_MAX_STEPS):
        score, curvature = _derivatives(data, mass)
        distance = mass @ slack
        if distance < _TOLERANCE and np.abs(1 - score - slack).max() < _TOLERANCE:
            break
        aim = 0.1 * distance / data.n_cells / mass
        system = curvature + np.diag(slack / mass + _TOLERANCE)
        mass_step = np.linalg.solve(system, score - 1 + aim)
        slack_step = aim - slack - slack / mass * mass_step
        mass = mass + _room(mass, mass_step) * mass_step
        slack = slack + _room(slack, slack_step) * slack_step
    return np.asarray(mass / mass.sum(), dtype=np.float64)


def _derivatives(data: _Data, mass: Floats) -> tuple[Floats, Floats]:
    """Return the gradient of the log-likelihood, and minus its matrix of second derivatives.

    Cells lie next to each other, so the patients that cover one or two of them are running sums over where their
    intervals begin and end.
    """
    so_far = np.concatenate(([0.0], np.cumsum(mass)))
    covered = so_far[data.after] - so_far[data.first]
    size = data.n_cells
    place = data.first * size + data.after - 1
    begun_and_open = [
        np.cumsum(np.cumsum(np.bincount(place, values, size**2).reshape(size, size), axis=0)[:, ::-1], axis=1)[:, ::-1]
        for values in (data.weight / covered, data.weight / covered**2)
    ]
    score = np.asarray(np.diag(begun_and_open[0]), dtype=np.float64)
    upper = np.triu(begun_and_open[1])
    return score, np.asarray(upper + np.triu(upper, 1).T, dtype=np.float64)


def _room(values: Floats, step: Floats) -> float:
    """Return how much of a step keeps every value above 0."""
    shrinking = step < 0
    return min(1.0, 0.99 * float(np.min(-values[shrinking] / step[shrinking], initial=np.inf)))


def _cells(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return the intervals that begin at a left end and end at the very next end, a right one."""
    ends = np.concatenate((low, high))
    is_left = np.concatenate((np.ones(len(low), dtype=bool), np.zeros(len(high), dtype=bool)))
    # At one day a right end comes first: (a, b] and (b, c] share nothing.
    order = np.lexsort((is_left, ends))
    ends, is_left = ends[order], is_left[order]
    starts = np.flatnonzero(is_left[:-1] & ~is_left[1:])
    return ends[starts], ends[starts + 1]
