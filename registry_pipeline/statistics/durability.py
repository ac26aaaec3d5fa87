"""From the life tables of all strata to the rows behind the durability marts.

What belongs here: life tables as rows, brought side by side and read off at the marts' days. What does not: the
estimators (`survival`), who is evaluable and when response was lost (SQL, `int_durability_patient`), and suppression.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from registry_pipeline.statistics.comparisons import log_rank
from registry_pipeline.statistics.gray import gray_test
from registry_pipeline.statistics.interval_censored import turnbull
from registry_pipeline.statistics.rates import Floats, normal_quantile
from registry_pipeline.statistics.survival import (
    GRID_DAYS,
    Curve,
    LifeTable,
    aalen_johansen,
    kaplan_meier,
    quantile,
    restricted_mean,
)

LANDMARK_DAYS = (28, 56, 84, 182)

SENSITIVITY_KEYS = ["indication", "instrument", "estimand", "loss_definition"]

# A level with fewer responders is not put beside others: the test would hang on a handful of people.
MIN_RESPONDERS = 11

CURVE_COLUMNS = (
    *("day", "survival", "ci_low", "ci_high", "n_at_risk", "n_events", "n_responders"),
    *("rmst_days", "rmst_std_err", "rmst_ci_low", "rmst_ci_high"),
    *("median_days", "median_ci_low", "median_ci_high", "n_events_in_all"),
)

_N_SIDE_BY_SIDE = 256
_COUNTS = ("n_event", "n_competing", "n_censored")


class Strata(NamedTuple):
    """Life tables of many strata and the first row of each among the rows that they were made from."""

    table: LifeTable
    first_row: NDArray[np.int64]


def side_by_side(rows: pd.DataFrame, keys: Sequence[str]) -> Iterator[Strata]:
    """Bring life tables, a row per stratum and time, into arrays of strata by times; similarly long ones together.

    Args:
        rows: Columns `keys`, time_days, n_event, n_competing, n_censored, sorted by `keys` and time_days.
        keys: The columns that name a stratum.
    """
    is_first = (rows[list(keys)] != rows[list(keys)].shift()).any(axis=1).to_numpy()
    first = np.flatnonzero(is_first)
    length = np.diff(np.append(first, len(rows)))
    by_length = np.argsort(length, kind="stable")
    columns = [rows[name].to_numpy() for name in ("time_days", *_COUNTS)]
    for start in range(0, len(first), _N_SIDE_BY_SIDE):
        chosen = by_length[start : start + _N_SIDE_BY_SIDE]
        inside = np.arange(length[chosen].max()) < length[chosen][:, np.newaxis]
        source = (first[chosen][:, np.newaxis] + np.arange(inside.shape[1]))[inside]
        fills = (np.inf, 0, 0, 0)
        filled = [np.full(inside.shape, fill) for fill in fills]
        for target, column in zip(filled, columns, strict=True):
            target[inside] = column[source]
        yield Strata(LifeTable.of(*filled), first[chosen])


def curve_rows(life_tables: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return one row per stratum and day of the weekly grid: columns `keys` and CURVE_COLUMNS.

    Args:
        life_tables: Columns `keys`, is_competing, time_days, n_event, n_competing, n_censored; a row per stratum and
            time.
        keys: The columns that name a stratum; one of them settles is_competing.
    """
    frames = [
        _grid(rows[list(keys)].iloc[first_row], table, is_competing=bool(is_competing))
        for is_competing, kind in life_tables.groupby("is_competing")
        for rows in (kind.sort_values([*keys, "time_days"], ignore_index=True),)
        for table, first_row in side_by_side(rows, keys)
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*keys, *CURVE_COLUMNS])


def sensitivity_rows(life_tables: pd.DataFrame) -> pd.DataFrame:
    """Return one row per stratum, definition of loss and landmark.

    Args:
        life_tables: Columns SENSITIVITY_KEYS, time_days, n_event, n_competing, n_censored.
    """
    is_competing = life_tables["estimand"] == "competing"
    curves = curve_rows(life_tables.assign(is_competing=is_competing), SENSITIVITY_KEYS)
    rows = curves[curves["day"].isin(LANDMARK_DAYS)].rename(
        columns={"n_events": "numerator", "n_responders": "denominator"}
    )
    key = [*(name for name in SENSITIVITY_KEYS if name != "loss_definition"), "day"]
    counted, censored = (
        rows[rows["loss_definition"] == name].set_index(key)["numerator"]
        for name in ("response_lost", "unconfirmed_censored")
    )
    rows = rows.join((counted - censored).rename("n_unconfirmed"), on=key)
    # A relapse is another event than a loss of response: the counts of one are no part of the other's.
    is_loss = rows["loss_definition"] != "relapse"
    methods = np.where(rows["estimand"] == "competing", "delta_log_log", "greenwood_log_log")
    return rows.assign(n_unconfirmed=rows["n_unconfirmed"].where(is_loss), ci_method=methods)


def interval_rows(intervals: pd.DataFrame) -> pd.DataFrame:
    """Return one row per stratum and landmark: survival when a loss may have come at any time between two visits.

    Args:
        intervals: Columns indication, instrument, low_days, high_days (null when never lost), n_patients.
    """
    keys = ["indication", "instrument"]
    # The estimate is found in steps that add up floats, so its last digits hang on the order of the rows.
    ordered = intervals.sort_values([*keys, "low_days", "high_days"], ignore_index=True)
    frames = []
    for key, rows in ordered.groupby(keys):
        estimate = turnbull(rows["low_days"], rows["high_days"], rows["n_patients"])
        low, high = estimate.bounds_at(LANDMARK_DAYS)
        names = dict(zip(keys, key, strict=True))
        frames.append(pd.DataFrame({**names, "day": LANDMARK_DAYS, "survival_low": low, "survival_high": high}))
    columns = [*keys, "day", "survival_low", "survival_high"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def comparison_rows(life_tables: pd.DataFrame) -> pd.DataFrame:
    """Return one row per comparison of the levels of a dimension: a log-rank test, or Gray's with competing events.

    Args:
        life_tables: Columns comparison_no, is_competing, level_no, time_days, n_event, n_competing, n_censored.
    """
    keys = ["comparison_no", "is_competing"]
    ordered = life_tables.sort_values([*keys, "level_no", "time_days"], ignore_index=True)
    found = [
        (comparison_no, is_competing, *compared)
        for (comparison_no, is_competing), rows in ordered.groupby(keys)
        if (compared := _compared(rows, is_competing=bool(is_competing)))
    ]
    columns = [*keys, "n_levels", "statistic", "degrees", "p_value", "numerator", "denominator"]
    return pd.DataFrame.from_records(found, columns=columns)


def _compared(rows: pd.DataFrame, *, is_competing: bool) -> tuple[float, ...] | None:
    """Return how many levels there are, the test, events and responders; None when there is nothing to compare."""
    levels = [
        LifeTable.of(*(level[name].to_numpy() for name in ("time_days", *_COUNTS)))
        for _, level in rows.groupby("level_no")
    ]
    levels = [level for level in levels if level.n_at_risk[0] >= MIN_RESPONDERS]
    n_events = sum(int(level.n_event.sum()) for level in levels)
    if len(levels) <= 1 or n_events == 0:
        return None
    test = gray_test(levels) if is_competing else log_rank(levels)[2]
    return (len(levels), *test, n_events, sum(int(level.n_at_risk[0]) for level in levels))


def _grid(names: pd.DataFrame, table: LifeTable, *, is_competing: bool) -> pd.DataFrame:
    """Return the rows of strata that lie side by side, whose names are given in the same order."""
    shape = (len(names), len(GRID_DAYS))
    columns = _curve_columns(table, is_competing=is_competing)
    repeated = {name: np.repeat(names[name].to_numpy(), len(GRID_DAYS)) for name in names}
    return pd.DataFrame(repeated | {name: _flat(column, shape) for name, column in columns.items()})


def still_in_response(table: LifeTable, *, is_competing: bool) -> Curve:
    """Return the probability of not having lost response; with competing events, one minus the incidence of loss."""
    if not is_competing:
        return kaplan_meier(table)
    loss = aalen_johansen(table)
    return Curve(
        loss.time,
        1 - loss.estimate,
        loss.std_err,
        1 - loss.ci_high,
        1 - loss.ci_low,
        1.0,
        loss.last_time,
        loss.is_complete,
    )


def _curve_columns(table: LifeTable, *, is_competing: bool) -> dict[str, NDArray[Any]]:
    """Return columns by stratum, or by stratum and day."""
    curve = still_in_response(table, is_competing=is_competing)
    point, median = curve.at(GRID_DAYS), quantile(curve)
    rmst = _restricted_means(table, curve, is_competing=is_competing)
    columns = (
        *(GRID_DAYS[np.newaxis, :], *point, table.n_at_risk_on(GRID_DAYS), table.n_events_by(GRID_DAYS)),
        *(table.n_at_risk[:, 0], *rmst, *median, table.n_event.sum(axis=-1)),
    )
    return dict(zip(CURVE_COLUMNS, columns, strict=True))


def _restricted_means(table: LifeTable, curve: Curve, *, is_competing: bool) -> tuple[Floats, ...]:
    """Return mean days in response up to each landmark, standard error and 95 % limits; NaN on other days.

    One minus an incidence has an area too, but Greenwood's variance is not its variance: no mean with competing events.
    """
    mean = np.full((len(table.time), len(GRID_DAYS)), np.nan)
    std_err = mean.copy()
    for day in () if is_competing else LANDMARK_DAYS:
        place = day // 7
        mean[:, place], std_err[:, place] = restricted_mean(table, curve, day)
    width = normal_quantile() * std_err
    return mean, std_err, mean - width, mean + width


def _flat(column: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    by_stratum = column[:, np.newaxis] if column.ndim == 1 else column
    return np.broadcast_to(by_stratum, shape).ravel()
