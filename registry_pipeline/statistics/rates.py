"""Intervals of proportions and Poisson rates, vectorised over arrays of counts.

What belongs here: two-sided intervals that need a quantile function, and the Wilson interval as the reference that
the SQL macro is tested against. What does not: which interval a mart uses.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_CONFIDENCE = 0.95


class Interval(NamedTuple):
    """Lower and upper limits; NaN where the interval is undefined."""

    low: Floats
    high: Floats


def normal_quantile(confidence: float = _CONFIDENCE) -> float:
    """Return the two-sided standard normal quantile, 1.959964 for 95 %."""
    from scipy.special import ndtri  # noqa: PLC0415 - scipy costs start-up time that only a build may spend

    return float(ndtri(0.5 + confidence / 2))


def wilson(numerator: ArrayLike, denominator: ArrayLike, confidence: float = _CONFIDENCE) -> Interval:
    """Return the Wilson score interval of numerator/denominator; NaN where the denominator is 0."""
    x, n = _floats(numerator), _floats(denominator)
    z = normal_quantile(confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = (x + z**2 / 2) / (n + z**2)
        half = z / (n + z**2) * np.sqrt(x * (n - x) / n + z**2 / 4)
    return Interval(np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1))


def clopper_pearson(numerator: ArrayLike, denominator: ArrayLike, confidence: float = _CONFIDENCE) -> Interval:
    """Return the exact binomial interval of numerator/denominator; NaN where the denominator is 0."""
    from scipy.special import betaincinv  # noqa: PLC0415 - see normal_quantile

    x, n = np.broadcast_arrays(_floats(numerator), _floats(denominator))
    tail = (1 - confidence) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(x == 0, 0.0, betaincinv(x, n - x + 1, tail))
        high = np.where(x == n, 1.0, betaincinv(x + 1, n - x, 1 - tail))
    return Interval(np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan))


def garwood(n_events: ArrayLike, exposure: ArrayLike = 1.0, confidence: float = _CONFIDENCE) -> Interval:
    """Return the exact Poisson interval of n_events/exposure; NaN where there is no exposure."""
    from scipy.special import gammaincinv  # noqa: PLC0415 - see normal_quantile

    events, time = np.broadcast_arrays(_floats(n_events), _floats(exposure))
    tail = (1 - confidence) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        low = np.where(events == 0, 0.0, gammaincinv(events, tail)) / time
        high = gammaincinv(events + 1, 1 - tail) / time
    return Interval(np.where(time > 0, low, np.nan), np.where(time > 0, high, np.nan))


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)
