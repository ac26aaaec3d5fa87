"""Adverse events that come again: who is at risk when, what counts as an event, and patients who are all alike."""

from typing import Any

import numpy as np
import pytest

from registry_pipeline.statistics.recurrent import mean_cumulative
from tests.oracles.test_recurrence import followed
from tests.warehouse_harness import Query, Warehouse

MART = "marts.adverse_event_recurrence"


def rows_of(query: Query, **where: str) -> list[dict[str, Any]]:
    conditions = "".join(f" and {name} = '{value}'" for name, value in where.items())
    return query(f"select * from {MART} where ae_term = 'nausea'{conditions} order by day")


def test_events_add_up_over_patients_still_at_risk_and_the_curve_ends_with_the_last_of_them(
    warehouse: Warehouse,
) -> None:
    query = warehouse(followed({1: 20, 2: 9, 3: 20, 4: 3}, [(1, 0), (1, 10), (2, 7)]), MART)
    found = [
        (row["day"], row["n_patients"], row["n_at_risk"], row["n_patients_with"], row["n_events"], row["mean_events"])
        for row in rows_of(query)
    ]
    assert found == [
        (0, 4, 4, 1, 1, 1 / 4),
        (7, 4, 3, 2, 2, 1 / 4 + 1 / 3),
        (14, 4, 2, 2, 3, 1 / 4 + 1 / 3 + 1 / 2),
    ]


def test_an_onset_outside_the_time_at_risk_counts_on_its_nearest_day(warehouse: Warehouse) -> None:
    query = warehouse(followed({1: 14, 2: 14}, [(1, 90)]), MART)
    assert [row["n_events"] for row in rows_of(query)] == [0, 0, 1]


def test_before_the_first_event_the_mean_is_zero_and_has_no_limits(warehouse: Warehouse) -> None:
    row = rows_of(warehouse(followed({1: 14, 2: 14}, [(1, 8)]), MART))[0]
    found = tuple(row[name] for name in ("mean_events", "std_err", "ci_low", "ci_high"))
    assert found == (0, 0, None, None)


def test_patients_who_are_all_alike_leave_no_variance(warehouse: Warehouse) -> None:
    last_days = dict.fromkeys(range(7), 30)
    query = warehouse(followed(last_days, [(patient, day) for patient in last_days for day in (0, 3, 9)]), MART)
    assert [(row["mean_events"], row["std_err"]) for row in rows_of(query, dimension="overall")[:3]] == [
        (pytest.approx(mean), 0) for mean in (1, 2, 3)
    ]


def test_one_patient_is_enough_and_nobody_gives_no_rows(warehouse: Warehouse) -> None:
    assert [row["mean_events"] for row in rows_of(warehouse(followed({1: 7}, [(1, 0), (1, 7)]), MART))] == [1, 2]
    assert warehouse({}, MART)(f"select * from {MART}") == []


def test_routes_and_diagnoses_have_any_event_only_and_contacts_and_other_forms_none(warehouse: Warehouse) -> None:
    given = followed({1: 7, 2: 7}, [(1, 0), (2, 3)])
    overall = given["intermediate.int_ae_cell"][0]
    given["intermediate.int_ae_cell"] += [
        {**overall, "cell_no": 2, "dimension": "route", "level": "iv"},
        {**overall, "cell_no": 3, "ascertainment": "all"},
        {**overall, "cell_no": 4, "dimension": "hour", "level": "morning", "is_timed": False},
    ]
    exposure = given["intermediate.int_ae_exposure"]
    given["intermediate.int_ae_exposure"] = [{**row, "cell_no": cell} for row in exposure for cell in (1, 2, 3, 4)]
    given["intermediate.int_ae_term"].append({"term_no": 0, "ae_term": "any"})
    noted = {"patient_no": 1, "n_events": 1, "first_onset_day": 1}
    given["intermediate.int_ae_occurrence"] += [
        {**noted, "kind_no": 1, "term_no": 0},
        {**noted, "kind_no": -1, "term_no": 0},
    ]
    found = warehouse(given, MART)(
        f"select ae_term, dimension, level, max(n_events) as n_events from {MART} group by all order by all"
    )
    assert [tuple(row.values()) for row in found] == [
        ("any", "overall", "all", 1),
        ("any", "route", "iv", 1),
        ("nausea", "overall", "all", 2),
    ]


def test_the_variance_from_sums_is_that_from_the_deviation_of_each_patient() -> None:
    rng = np.random.default_rng(1)
    last, days = rng.integers(0, 60, 40), 60
    counts = rng.poisson(0.05, (40, days)) * (np.arange(days) <= last[:, None])
    at_risk = np.array([(last >= day).sum() for day in range(days)])
    weights = counts / np.maximum(at_risk, 1)
    n_ending = np.bincount(last, minlength=days)
    so_far = np.cumsum(weights, axis=1)
    squares = np.diff((so_far**2).sum(axis=0), prepend=0)
    ending = np.bincount(last, weights=weights.sum(axis=1), minlength=days)
    curve = mean_cumulative(n_ending, counts.sum(axis=0), squares, ending)
    expected = np.where(np.arange(days) <= last[:, None], counts.sum(axis=0) / np.maximum(at_risk, 1) ** 2, 0)
    deviation = np.cumsum(weights - expected, axis=1)
    assert curve.std_err == pytest.approx(np.sqrt((deviation**2).sum(axis=0)), abs=1e-12)
