"""From the life tables of all strata to the rows of the durability marts.

What belongs here: reading curves off at the mart's days, stratum by stratum. What does not: the estimators
(`survival`), who is evaluable and when response was lost (SQL, `int_durability_patient`), and suppression.
"""

from collections.abc import Iterator
from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from registry_pipeline.statistics.survival import Curve, LifeTable, Point, aalen_johansen, kaplan_meier, quantile

KEYS = ["indication", "instrument", "estimand", "dimension", "level"]
GRID_DAYS = np.arange(0, 183, 7)
LANDMARK_DAYS = (28, 56, 84, 182)

# A landmark with fewer patients at risk is not shown: the curve there hangs on a handful of people.
MIN_AT_RISK = 11


class Stratum(NamedTuple):
    """One stratum's life table and the curve of still being in response."""

    key: tuple[str, ...]
    table: LifeTable
    survival: Curve
    ci_method: str


def curve_rows(life_tables: pd.DataFrame) -> pd.DataFrame:
    """Return one row per stratum and day of the weekly grid.

    Args:
        life_tables: Columns KEYS, time_days, n_event, n_competing, n_censored; a row per stratum and time.
    """
    frames = [_curve_columns(stratum) for stratum in _strata(life_tables)]
    columns = [*KEYS, "day", "survival", "ci_low", "ci_high", "ci_method", "n_at_risk", "numerator", "denominator"]
    return pd.DataFrame({name: _joined(frames, name) for name in columns}, columns=columns)


def summary_rows(life_tables: pd.DataFrame) -> pd.DataFrame:
    """Return one row per stratum: events, median with limits, survival at the landmarks, rate at the last one shown.

    Args:
        life_tables: As for `curve_rows`.
    """
    return pd.DataFrame.from_records([_summary(stratum) for stratum in _strata(life_tables)], columns=SUMMARY_COLUMNS)


SUMMARY_COLUMNS = [
    *KEYS,
    *("numerator", "rate", "ci_low", "ci_high", "ci_method", "landmark_day"),
    *("median_days", "median_ci_low", "median_ci_high"),
    *(f"survival_{day}d{part}" for day in LANDMARK_DAYS for part in ("", "_ci_low", "_ci_high")),
]


def _strata(life_tables: pd.DataFrame) -> Iterator[Stratum]:
    ordered = life_tables.sort_values([*KEYS, "time_days"], kind="stable").reset_index(drop=True)
    numbers = [ordered[name].to_numpy() for name in ("time_days", "n_event", "n_competing", "n_censored")]
    for key, rows in ordered.groupby(KEYS, sort=True).indices.items():
        table = LifeTable.of(*(column[rows] for column in numbers))
        names = cast("tuple[str, ...]", key)
        yield Stratum(names, table, *_survival(table, names[KEYS.index("estimand")]))


def _survival(table: LifeTable, estimand: str) -> tuple[Curve, str]:
    """Return the probability of not having lost response; with competing events, one minus the incidence of loss."""
    if estimand != "competing":
        return kaplan_meier(table), "greenwood_log_log"
    loss = aalen_johansen(table)
    complement = Curve(
        loss.time, 1 - loss.estimate, loss.std_err, 1 - loss.ci_high, 1 - loss.ci_low, 1.0, loss.is_complete
    )
    return complement, "delta_log_log"


def _curve_columns(stratum: Stratum) -> dict[str, object]:
    table, point = stratum.table, stratum.survival.at(GRID_DAYS)
    size = len(GRID_DAYS)
    n_events = np.append(0, np.cumsum(table.n_event))[np.searchsorted(table.time, GRID_DAYS, side="right")]
    return {
        **{name: np.full(size, part, dtype=object) for name, part in zip(KEYS, stratum.key, strict=True)},
        "day": GRID_DAYS,
        "survival": point.estimate,
        "ci_low": point.ci_low,
        "ci_high": point.ci_high,
        "ci_method": np.full(size, stratum.ci_method, dtype=object),
        "n_at_risk": table.n_at_risk_on(GRID_DAYS),
        "numerator": n_events,
        "denominator": np.full(size, table.n_at_risk[0]),
    }


def _summary(stratum: Stratum) -> tuple[object, ...]:
    landmarks = np.array(LANDMARK_DAYS, dtype=np.float64)
    is_shown = stratum.table.n_at_risk_on(landmarks) >= MIN_AT_RISK
    point = Point(*(np.where(is_shown, values, np.nan) for values in stratum.survival.at(landmarks)))
    last = int(is_shown.sum()) - 1
    rate: tuple[object, ...] = (np.nan, np.nan, np.nan)
    if last >= 0:
        rate = (1 - point.estimate[last], 1 - point.ci_high[last], 1 - point.ci_low[last])
    landmark_day = LANDMARK_DAYS[last] if last >= 0 else None
    n_events = int(stratum.table.n_event.sum())
    return (
        *stratum.key,
        *(n_events, *rate, stratum.ci_method, landmark_day),
        *quantile(stratum.survival),
        *np.column_stack(point).ravel().tolist(),
    )


def _joined(frames: list[dict[str, object]], name: str) -> object:
    return np.concatenate([frame[name] for frame in frames]) if frames else []
