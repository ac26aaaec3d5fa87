"""A clinic's rates over time between control limits around its own (p-chart), and runs on one side of it.

A point outside the limits, or a long run, means "look who was seen then, and at chance"; it is never called quality.

What belongs here: which quarters are points of a chart, its centre, and runs. What does not: the limits (`funnel`), the
counts (SQL), and suppression.
Source: Shewhart 1931; runs of eight: Western Electric 1956.
"""

import numpy as np
import pandas as pd

from registry_pipeline.statistics.clinics import LEAST_PATIENTS, has_small_cell
from registry_pipeline.statistics.funnel import binomial_limits

CHART = ["indicator", "instrument", "level"]
LONG_RUN = 8
"""Quarters in a row on the same side of the centre: by chance alone one time in 128."""
_PLACES = 3
"""Of the centre, so that what is hidden or repeated of one quarter cannot be worked out of it to the patient."""


def over_time_rows(quarters: pd.DataFrame) -> pd.DataFrame:
    """Return one row per chart and quarter of at least 11 patients, between limits around the chart's own rate.

    The chart runs up to the first quarter with a small cell. From there on a row has no centre, no limits and no run:
    a centre that counted such a quarter would tell, beside the other quarters, what is hidden of it.

    Args:
        quarters: Columns CHART, quarter, numerator, denominator; one row per chart and quarter.
    """
    points = quarters[quarters["denominator"] >= LEAST_PATIENTS].sort_values([*CHART, "quarter"], ignore_index=True)
    rows = points.assign(rate=points["numerator"] / points["denominator"])
    x, n = (rows[name].to_numpy(np.float64) for name in ("numerator", "denominator"))
    n_small = rows.assign(n_small=has_small_cell(x, n)).groupby(CHART)["n_small"].cumsum()
    return rows.join(_charted(rows[n_small == 0]))


def _charted(points: pd.DataFrame) -> pd.DataFrame:
    """Return what the points of charts are held against, and their runs."""
    total = points.groupby(CHART)[["numerator", "denominator"]].transform("sum")
    centre = _rounded(total["numerator"] / total["denominator"])
    inner, outer = (binomial_limits(centre, points["denominator"], tail) for tail in (0.025, 0.001))
    run_length = _run_length(points, total)
    return pd.DataFrame(
        {
            "centre": centre,
            "low_95": inner.low,
            "high_95": inner.high,
            "low_998": outer.low,
            "high_998": outer.high,
            "is_outside_998": ((points["rate"] < outer.low) | (points["rate"] > outer.high)).astype("boolean"),
            "run_length": run_length.astype("Int64"),
            "is_run": (run_length >= LONG_RUN).astype("boolean"),
        },
        index=points.index,
    )


def _rounded(rate: pd.Series) -> pd.Series:
    """Return a rate to three places; only where nobody, or everybody, meets the indicator is it 0, or 1."""
    least = 10**-_PLACES
    return rate.round(_PLACES).clip(least, 1 - least).where((rate > 0) & (rate < 1), rate)


def _run_length(points: pd.DataFrame, total: pd.DataFrame) -> pd.Series:
    """Return how many quarters in a row, up to this one, lie on its side of the centre; 0 on the centre.

    Counts are whole numbers, so a side is told exactly.
    """
    above = points["numerator"] * total["denominator"] - total["numerator"] * points["denominator"]
    side = above.gt(0).astype(int) - above.lt(0).astype(int)
    here = points[CHART].assign(side=side, quarter=points["quarter"])
    before = here.shift().assign(quarter=here["quarter"].shift() + 1)
    run = (here != before).any(axis=1).cumsum()
    return (run.groupby(run).cumcount() + 1).where(side != 0, 0)
