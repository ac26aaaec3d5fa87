"""Gray's test: whether groups differ in the cumulative incidence of an event that others compete with.

What belongs here: the test on life tables of the groups. What does not: which groups are compared, and the log-rank
test, which competing events censor (`comparisons.py`).
Source: Gray 1988, with weight 1 (his rho = 0) and the variance of section 3 with its correction for ties.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from registry_pipeline.statistics.comparisons import ChiSquared
from registry_pipeline.statistics.rates import Floats
from registry_pipeline.statistics.survival import LifeTable


class _Process(NamedTuple):
    """Groups by days: what is known just before each day, and what happens on it."""

    at_risk: Floats
    events: Floats
    competing: Floats
    free_before: Floats
    """Probability of no event of either kind before the day."""
    free_after: Floats
    incidence_before: Floats


def gray_test(groups: Sequence[LifeTable]) -> ChiSquared:
    """Return Gray's test of equal cumulative incidence of the event of interest in two or more groups."""
    from scipy.special import chdtrc  # noqa: PLC0415 - scipy costs start-up time that only a build may spend

    process = _process(groups)
    score, covariance = _score_and_covariance(process)
    degrees = len(groups) - 1
    statistic = float(score[1:] @ np.linalg.pinv(covariance[1:, 1:]) @ score[1:])
    return ChiSquared(statistic, degrees, float(chdtrc(degrees, statistic)))


def _process(groups: Sequence[LifeTable]) -> _Process:
    days = np.unique(np.concatenate([group.time[group.n_event + group.n_competing > 0] for group in groups]))
    at_risk = np.stack([group.n_at_risk_on(days) for group in groups]).astype(np.float64)
    events = np.stack([_on(group, group.n_event, days) for group in groups])
    competing = np.stack([_on(group, group.n_competing, days) for group in groups])
    safe = np.maximum(at_risk, 1)
    free_after = np.asarray(np.cumprod(1 - (events + competing) / safe, axis=1), dtype=np.float64)
    free_before = np.column_stack((np.ones(len(groups)), free_after[:, :-1]))
    incidence = np.cumsum(free_before * events / safe, axis=1)
    incidence_before = np.column_stack((np.zeros(len(groups)), incidence[:, :-1]))
    return _Process(at_risk, events, competing, free_before, free_after, incidence_before)


def _score_and_covariance(p: _Process) -> tuple[Floats, Floats]:
    is_there = p.at_risk > 0
    n, s = np.where(is_there, p.at_risk, 1), np.where(is_there, p.free_before, 1)
    weight = np.where(is_there, n / s, 0.0)
    total = weight.sum(axis=0)
    d1 = p.events.sum(axis=0)
    pooled = np.cumsum(np.divide(d1, total, out=np.zeros_like(d1), where=total > 0))
    pooled_before = np.concatenate(([0.0], pooled[:-1]))
    free_of_event = weight * (1 - p.incidence_before)
    score = (p.events - d1 * free_of_event / free_of_event.sum(axis=0)).sum(axis=1)

    # a[i, k] and its integral c[i, k] against the pooled subdistribution hazard.
    a = np.eye(len(n))[:, :, np.newaxis] * weight - weight[:, np.newaxis, :] * weight / total
    at_stake = total * (1 - pooled_before)
    c = np.cumsum(a * np.divide(d1, at_stake, out=np.zeros_like(d1), where=at_stake > 0), axis=2)
    to_come = c[:, :, -1:] - c

    ratio = np.divide(1 - pooled, p.free_after, out=np.zeros_like(n), where=p.free_after > 0)
    from_event = a + np.where(p.free_after > 0, 1 - ratio, 1.0) * to_come
    ties = _less_ties(d1, total * s)
    spread = np.where(is_there, ties * s * d1 / (total * n), 0.0)
    from_competing = ratio * to_come
    ties_competing = _less_ties(p.competing, n)
    spread_competing = np.where(p.free_after > 0, ties_competing * s**2 * p.competing / n**2, 0.0)
    covariance = _quadratic(from_event, spread) + _quadratic(from_competing, spread_competing)
    return score, covariance


def _less_ties(events: Floats, at_risk: Floats) -> Floats:
    """Return the finite-population factor of several events on one day."""
    events, at_risk = np.broadcast_arrays(events, at_risk)
    factor = np.divide(events - 1, at_risk - 1, out=np.zeros(at_risk.shape), where=events > 1)
    return 1 - factor


def _quadratic(integrand: Floats, spread: Floats) -> Floats:
    return np.asarray(np.einsum("ikt,jkt,kt->ij", integrand, integrand, spread), dtype=np.float64)


def _on(group: LifeTable, counts: NDArray[np.int64], days: Floats) -> Floats:
    place = np.minimum(np.searchsorted(group.time, days), len(group.time) - 1)
    return np.where(group.time[place] == days, counts[place], 0).astype(np.float64)
