"""Clinics against the registry's own rate: control limits, and how far the clinics spread beyond chance.

Being outside a limit means "look at case-mix, coverage and chance first"; it is never called quality.

What belongs here: limits, z-scores, overdispersion. What does not: pooling (`pooling.py`).
Source: Spiegelhalter 2005.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from registry_pipeline.statistics.rates import Floats, Interval

WINSORISED_SHARE = 0.1
"""Of the z-scores, at each end: what single outlying clinics may not add to the overdispersion."""


class Spread(NamedTuple):
    """Clinics' distance from the common rate, (question, clinic), and what it comes to, (question,)."""

    z: Floats
    z_adjusted: Floats
    overdispersion: Floats
    """Mean squared winsorised z; at least 1 when it is used to adjust."""


def binomial_limits(rate: ArrayLike, denominator: ArrayLike, tail: float) -> Interval:
    """Return interpolated exact binomial limits around a rate, with probability `tail` beyond each.

    Where everybody or nobody meets the definition both limits are the rate itself: chance moves nothing there.

    Args:
        rate: The centre, broadcast against `denominator`.
        denominator: Above 0.
        tail: Probability beyond either limit.
    """
    from scipy.stats import binom  # noqa: PLC0415 - scipy costs start-up time that only a build may spend

    p, n = np.broadcast_arrays(np.asarray(rate, dtype=np.float64), np.asarray(denominator, dtype=np.int64))
    is_flat = (p == 0) | (p == 1)

    def limit(probability: float) -> Floats:
        chance = np.where(is_flat, 0.5, p)
        r = binom.ppf(probability, n, chance)
        share = (binom.cdf(r, n, chance) - probability) / binom.pmf(r, n, chance)
        return np.where(is_flat, p, np.clip((r - share) / n, 0, 1))

    return Interval(limit(tail), limit(1 - tail))


def spread(numerator: ArrayLike, denominator: ArrayLike, rate: ArrayLike) -> Spread:
    """Return each clinic's z-score against a common rate, unadjusted and adjusted for overdispersion.

    Where everybody or nobody meets the definition there is no spread to measure: NaN.

    Args:
        numerator: (question, clinic).
        denominator: (question, clinic); 0 where a question lacks the clinic.
        rate: (question,).
    """
    x, n = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    p = np.asarray(rate, dtype=np.float64)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (x / n - p) / np.sqrt(p * (1 - p) / n)
    ordered = np.sort(z, axis=1)
    low, high = (_quantile(ordered, share) for share in (WINSORISED_SHARE, 1 - WINSORISED_SHARE))
    drawn_in = np.clip(z, low[:, None], high[:, None]) ** 2
    n_clinics = np.isfinite(z).sum(axis=1)
    overdispersion = np.where(n_clinics > 0, np.nansum(drawn_in, axis=1) / np.maximum(n_clinics, 1), np.nan)
    return Spread(z, z / np.maximum(1.0, overdispersion)[:, None] ** 0.5, overdispersion)


def _quantile(ordered: Floats, share: float) -> Floats:
    """Return the interpolated quantile of each row, sorted with its NaNs last. NumPy's own would loop over rows."""
    place = share * np.maximum(np.isfinite(ordered).sum(axis=1) - 1, 0)
    around = np.column_stack([np.floor(place), np.ceil(place)]).astype(np.int64)
    below, above = np.take_along_axis(ordered, around, axis=1).T
    return np.asarray(below + (above - below) * (place - np.floor(place)), dtype=np.float64)
