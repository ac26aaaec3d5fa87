"""Rates of safety signals: exact limits whatever the size, and what zero events still allow.

What belongs here: the interval columns of the safety marts. What does not: who was asked and who had the signal (SQL).
"""

import numpy as np
import pandas as pd

from registry_pipeline.statistics.rates import clopper_pearson

_RULE_OF_THREE = 0.05


def with_exact_interval(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the counts with rate, Clopper-Pearson limits and the upper bound of a rate of zero.

    Args:
        counts: At least numerator and denominator. Where the denominator is 0 every added column is NaN.
    """
    x, n = (counts[name].to_numpy(dtype=np.float64) for name in ("numerator", "denominator"))
    some = np.where(n > 0, n, np.nan)
    limits = clopper_pearson(x, n)
    return counts.assign(
        rate=x / some,
        ci_low=limits.low,
        ci_high=limits.high,
        ci_method="clopper_pearson",
        # The true rate with which nothing at all would be seen in n patients one time in twenty.
        zero_event_upper=np.where(x == 0, 1 - _RULE_OF_THREE ** (1 / some), np.nan),
    )
