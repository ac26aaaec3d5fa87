"""Clinics against the registry's own rate: control limits, and how far the clinics spread beyond chance.

Being outside a limit means "look at case-mix, coverage and chance first"; it is never called quality.

What belongs here: limits, z-scores, overdispersion, standardised ratios. What does not: pooling (`pooling.py`).
Source: Spiegelhalter 2005.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from registry_pipeline.statistics.rates import Floats, Interval, garwood

WINSORISED_SHARE = 0.1
"""Of the z-scores, at each end: what single outlying clinics may not add to the overdispersion."""


class Spread(NamedTuple):
    """Clinics' distance from the common rate."""

    z: Floats
    z_adjusted: Floats
    overdispersion: float
    """Mean squared winsorised z; at least 1 when it is used to adjust."""


def binomial_limits(rate: float, denominator: ArrayLike, tail: float) -> Interval:
    """Return interpolated exact binomial limits around a rate, with probability `tail` beyond each.

    Where everybody or nobody meets the definition both limits are the rate itself: chance moves nothing there.
    """
    from scipy.stats import binom  # noqa: PLC0415 - scipy costs start-up time that only a build may spend

    n = np.asarray(denominator, dtype=np.int64)
    if rate in {0.0, 1.0}:
        flat = np.full(n.shape, rate)
        return Interval(flat, flat)

    def limit(probability: float) -> Floats:
        r = binom.ppf(probability, n, rate)
        share = (binom.cdf(r, n, rate) - probability) / binom.pmf(r, n, rate)
        return np.asarray(np.clip((r - share) / n, 0, 1), dtype=np.float64)

    return Interval(limit(tail), limit(1 - tail))


def spread(numerator: ArrayLike, denominator: ArrayLike, rate: float) -> Spread:
    """Return each clinic's z-score against a common rate, unadjusted and adjusted for overdispersion."""
    x, n = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    z = (x / n - rate) / np.sqrt(rate * (1 - rate) / n)
    low, high = np.quantile(z, [WINSORISED_SHARE, 1 - WINSORISED_SHARE])
    overdispersion = float(np.mean(np.clip(z, low, high) ** 2))
    return Spread(z, z / max(1.0, overdispersion) ** 0.5, overdispersion)


def standardised_ratio(observed: ArrayLike, expected: ArrayLike) -> Interval:
    """Return exact Poisson limits of observed/expected, the expected count taken as known."""
    return garwood(observed, expected)
