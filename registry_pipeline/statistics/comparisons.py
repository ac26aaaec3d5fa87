"""Two or more groups side by side: limits of ratios, and tests shown as description only.

What belongs here: what a comparison needs beyond the closed forms that SQL writes itself. What does not: which groups
are compared. Nothing here says that a group did better because of anything: the registry observes, uncontrolled.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from registry_pipeline.statistics.rates import Floats, Interval, clopper_pearson
from registry_pipeline.statistics.survival import LifeTable


class ChiSquared(NamedTuple):
    """A chi-squared statistic, its degrees of freedom and its tail probability."""

    statistic: float
    degrees: int
    p_value: float


def odds_limits(events: ArrayLike, reference_events: ArrayLike) -> Interval:
    """Return exact 95 % limits of the ratio of two Poisson means, conditional on the sum of the two counts.

    Divided by the ratio of the exposures they are the limits of a rate ratio. Of a sum of counts the part that falls to
    the first group is binomial, so the limits are those of Clopper and Pearson as odds. The upper one is NaN
    (unbounded) where the reference group has no event.
    """
    total = np.asarray(events, dtype=np.float64) + np.asarray(reference_events, dtype=np.float64)
    share = clopper_pearson(events, total)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = share.low / (1 - share.low), share.high / (1 - share.high)
    return Interval(np.where(total > 0, low, 0.0), np.where(np.isfinite(high), high, np.nan))


def log_rank(groups: Sequence[LifeTable]) -> tuple[Floats, Floats, ChiSquared]:
    """Return observed and expected events of each group and the log-rank test; competing events censor.

    A group that nobody is at risk in while there are events has no say in the test. Where fewer than two groups are
    left, or events leave no room for chance, the test is undefined: its statistic and tail probability are NaN.
    """
    from scipy.special import chdtrc  # noqa: PLC0415 - scipy costs start-up time that only a build may spend

    days = np.unique(np.concatenate([group.time[group.n_event > 0] for group in groups]))
    at_risk = np.stack([group.n_at_risk_on(days) for group in groups]).astype(np.float64)
    events = np.stack([_events_on(group, days) for group in groups])
    n, d = at_risk.sum(axis=0), events.sum(axis=0)
    share = at_risk / n
    observed, expected = events.sum(axis=1), (share * d).sum(axis=1)
    scale = np.divide(d * (n - d), n - 1, out=np.zeros_like(n), where=n > 1)
    covariance = np.diag((share * scale).sum(axis=1)) - (share * scale) @ share.T
    # Of the groups that have a say, one follows from the others.
    tested = np.flatnonzero(expected > 0)[1:]
    spread = covariance[np.ix_(tested, tested)]
    if not spread.any():
        return observed, expected, ChiSquared(np.nan, len(tested), np.nan)
    gap = (observed - expected)[tested]
    statistic = float(gap @ np.linalg.pinv(spread) @ gap)
    return observed, expected, ChiSquared(statistic, len(tested), float(chdtrc(len(tested), statistic)))


def _events_on(group: LifeTable, days: Floats) -> Floats:
    found = np.zeros(len(days))
    has_event = group.n_event > 0
    found[np.searchsorted(days, group.time[has_event])] = group.n_event[has_event]
    return found
