"""When adverse events begin and how long they last: quartiles from the life tables of all strata.

What belongs here: reading quartiles off. What does not: the estimator (`survival`) and what counts as ongoing (SQL,
`int_ae_timing`).
"""

from typing import cast

import numpy as np
import pandas as pd

from registry_pipeline.statistics.survival import LifeTable, kaplan_meier, quantile

KEYS = ["ae_term", "measure", "dimension", "level"]
_QUARTILES = {"lower_quartile_min": 0.25, "median_min": 0.5, "upper_quartile_min": 0.75}
COLUMNS = [*KEYS, "n_events", "n_timed", "n_ongoing", *_QUARTILES]


def timing_rows(life_tables: pd.DataFrame) -> pd.DataFrame:
    """Return one row per term, measure and stratum: events, and the quartiles of minutes.

    A quartile is the first time at which the Kaplan-Meier curve has fallen so far; without ongoing events that is the
    smallest time by which a quarter (a half, three quarters) of the events has begun or ended. NaN: never reached.
    No limits are given: events of one patient are alike, and limits that ignore it would be too narrow.

    Args:
        life_tables: Columns KEYS, minutes (NaN where not known), n_ended, n_ongoing.
    """
    rows = [_row(cast("tuple[str, ...]", key), table) for key, table in life_tables.groupby(KEYS)]
    return pd.DataFrame.from_records(rows, columns=COLUMNS)


def _row(key: tuple[str, ...], table: pd.DataFrame) -> tuple[object, ...]:
    known = table[table["minutes"].notna()].sort_values("minutes")
    ended, ongoing = known["n_ended"], known["n_ongoing"]
    curve = kaplan_meier(LifeTable.of(known["minutes"], ended, np.zeros(len(known)), ongoing))
    n_events = int((table["n_ended"] + table["n_ongoing"]).sum())
    counts = (n_events, int((ended + ongoing).sum()), int(ongoing.sum()))
    return (*key, *counts, *(float(quantile(curve, q).time) for q in _QUARTILES.values()))
