"""Means and their limits, from sums.

What belongs here: estimators of means that need quantiles. What does not: the sums
(`intermediate.int_response_counts`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Mean:
    """Means with standard deviations and limits, arrays of shape (k,); nan where there are too few values."""

    mean: "NDArray[np.float64]"
    sd: "NDArray[np.float64]"
    low: "NDArray[np.float64]"
    high: "NDArray[np.float64]"


def mean_from_sums(n: ArrayLike, total: ArrayLike, squares: ArrayLike) -> Mean:
    """Return means with Student's 95 % limits: mean ± t(n - 1) · sd / √n.

    Args:
        n: How many values, shape (k,).
        total: Their sums.
        squares: The sums of their squares.
    """
    from scipy.stats import t  # noqa: PLC0415 - slow to import, and most commands need none

    count, added, squared = (np.asarray(values, dtype=float) for values in (n, total, squares))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = added / count
        # Rounding may leave a little less than nothing of values that are all alike.
        variance = np.maximum(squared - added * mean, 0) / (count - 1)
        sd = np.where(count > 1, np.sqrt(variance), np.nan)
        width = t.ppf((1 + CONFIDENCE) / 2, count - 1) * sd / np.sqrt(count)
    return Mean(mean, sd, mean - width, mean + width)
