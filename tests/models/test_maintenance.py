"""Maintenance after induction: who has it by when, how often, how far apart and how much."""

from collections.abc import Sequence
from math import exp, sqrt
from typing import Any

import numpy as np
import pytest

from registry_pipeline.statistics.rates import clopper_pearson
from tests.models.main_kinds import main_kinds
from tests.warehouse_harness import Query, Warehouse

RATES, QUARTILES = "marts.maintenance", "marts.booster_patterns"
COUNTS = "intermediate.int_maintenance_counts"
Z = 1.959963984540054


def _patient(number: int, **cells: Any) -> dict[str, Any]:
    return {
        "patient_no": number,
        "clinic_id": "C001",
        "course_id": f"k{number}",
        "indication_code": "trd",
        "route_code": "iv",
        "course_start_day": 0,
        "last_induction_day": 10,
        "data_cut_day": 400,
        **cells,
    }


def _session(number: int, day: int, phase: str = "maintenance", **cells: Any) -> dict[str, Any]:
    return {
        "patient_no": number,
        "clinic_id": "C001",
        "course_id": f"k{number}",
        "session_id": f"s{number}-{day}",
        "study_day": day,
        "phase_derived": phase,
        "route_code": "iv",
        **cells,
    }


def _built(warehouse: Warehouse, days: dict[int, Sequence[int]], **cells: Any) -> Query:
    sessions = [
        session
        for number, boosters in days.items()
        for session in (_session(number, 10, "induction"), *(_session(number, day) for day in boosters))
    ]
    return _of(warehouse, [_patient(number, **cells) for number in days], sessions)


def _of(warehouse: Warehouse, cohort: list[dict[str, Any]], sessions: list[dict[str, Any]]) -> Query:
    people = [{key: row[key] for key in ("patient_no", "clinic_id", "data_cut_day")} for row in cohort]
    given = {
        "intermediate.int_cohort": cohort,
        "intermediate.int_consented_patient": people,
        "intermediate.int_session": sessions,
    }
    return warehouse(given, RATES, QUARTILES)


def _row(query: Query, mart: str, measure: str) -> dict[str, Any]:
    (row,) = query(f"select * from {mart} where indication = 'all' and dimension = 'overall' and measure = '{measure}'")
    return row


@pytest.mark.parametrize(("day", "started"), [(38, [1, 1, 1]), (39, [0, 1, 1]), (94, [0, 1, 1]), (193, [0, 0, 0])])
def test_a_patient_has_maintenance_from_the_first_such_session_on(
    warehouse: Warehouse, day: int, started: list[int]
) -> None:
    query = _built(warehouse, {1: [day]})
    assert [_row(query, RATES, f"any_by_{horizon}_days")["numerator"] for horizon in (28, 84, 182)] == started


@pytest.mark.parametrize(("cut", "denominators"), [(37, []), (38, [28]), (94, [28, 84]), (192, [28, 84, 182])])
def test_only_patients_followed_that_long_are_in_the_denominator(
    warehouse: Warehouse, cut: int, denominators: list[int]
) -> None:
    query = _built(warehouse, {1: []}, data_cut_day=cut)
    rows = query(f"select distinct measure from {RATES} where measure like 'any%'")
    assert {row["measure"] for row in rows} == {f"any_by_{horizon}_days" for horizon in denominators}


def test_shares_have_exact_limits_when_patients_are_few(warehouse: Warehouse) -> None:
    row = _row(_built(warehouse, {1: [30], 2: [], 3: [31, 50]}), RATES, "any_by_28_days")
    low, high = clopper_pearson(np.array([2]), np.array([3]))
    assert (row["numerator"], row["denominator"], row["ci_method"]) == (2, 3, "clopper_pearson")
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((low[0], high[0]), abs=1e-9)


def test_boosters_per_year_count_patients_as_clusters(warehouse: Warehouse) -> None:
    boosters = [0, 1, 4, 7]
    days = {number: [30 + 7 * step for step in range(n)] for number, n in enumerate(boosters, start=1)}
    row = _row(_built(warehouse, days), RATES, "boosters_per_patient_year")
    years = 390 / 365.25
    rate = sum(boosters) / (4 * years)
    variance = 4 / 3 * sum((n - rate * years) ** 2 for n in boosters) / (4 * years) ** 2
    factor = exp(Z * sqrt(variance) / rate)
    assert (row["numerator"], row["n_patients"], row["n_patients_with"]) == (12, 4, 3)
    assert row["ci_method"] == "log_robust"
    expected = (4 * years, rate, rate / factor, rate * factor)
    assert [row[name] for name in ("denominator", "rate", "ci_low", "ci_high")] == pytest.approx(expected, abs=1e-9)


def test_no_booster_at_all_has_an_upper_limit_and_one_patient_no_interval(warehouse: Warehouse) -> None:
    none = _row(_built(warehouse, {1: [], 2: []}), RATES, "boosters_per_patient_year")
    assert (none["rate"], none["ci_low"], none["ci_method"]) == (0, 0, "garwood")
    assert none["ci_high"] == pytest.approx(3.688879454113936 / (780 / 365.25), abs=1e-9)
    one = _row(_built(warehouse, {1: [30]}), RATES, "boosters_per_patient_year")
    assert one["rate"] > 0
    assert (one["ci_low"], one["ci_high"], one["ci_method"]) == (None, None, None)


def test_death_ends_the_years_and_nobody_is_followed_for_less_than_nothing(warehouse: Warehouse) -> None:
    cohort = [_patient(1), _patient(2)]
    given = {
        "intermediate.int_cohort": cohort,
        "intermediate.int_session": [_session(number, 10, "induction") for number in (1, 2)],
        "intermediate.int_durability_follow_up": [
            {"patient_no": 1, "last_induction_day": 10, "death_day": 60},
            {"patient_no": 2, "last_induction_day": 10, "death_day": 5},
        ],
    }
    query = warehouse(given, "intermediate.int_maintenance_patient")
    rows = query("select follow_up_days from intermediate.int_maintenance_patient order by patient_no")
    assert [row["follow_up_days"] for row in rows] == [50, 0]


def test_the_name_a_clinic_gives_is_compared_with_the_days(warehouse: Warehouse) -> None:
    agreed = [True, True, False, None]
    sessions = [_session(1, day, is_phase_as_reported=says) for day, says in enumerate(agreed, start=30)]
    row = _row(_of(warehouse, [_patient(1)], sessions), RATES, "phase_as_reported")
    assert (row["numerator"], row["denominator"], row["ci_method"]) == (2, 3, "wilson_cluster")


@pytest.mark.parametrize(
    ("reported", "day", "agrees"),
    [
        ("induction", 3, True),
        ("booster_prn", 3, False),
        ("induction", 30, False),
        ("rescue", 30, True),
        ("unknown", 3, None),
    ],
)
def test_a_phase_agrees_when_clinic_and_days_both_say_induction_or_neither_does(
    warehouse: Warehouse, reported: str, day: int, agrees: bool | None
) -> None:
    key = {"clinic_id": "C001"}
    session = {**key, "course_id": "k", "route": "iv", "ae_form_status": "complete"}
    given = {
        "intermediate.int_consented_patient": [{**key, "patient_no": 1, "patient_id": "p", "data_cut_day": 99}],
        "staging.stg_course": [{**key, "course_id": "k", "patient_id": "p", "course_no": 1, "intent": "induction"}],
        "staging.stg_session": [
            {**session, "session_id": "a", "session_no": 1, "study_day": 0, "phase_reported": "unknown"},
            {**session, "session_id": "b", "session_no": 2, "study_day": day, "phase_reported": reported},
        ],
    }
    query = warehouse(given, "intermediate.int_session")
    rows = query("select is_phase_as_reported as says from intermediate.int_session where session_id = 'b'")
    assert rows == [{"says": agrees}]


def test_intervals_count_from_the_session_before_and_doses_only_where_known(warehouse: Warehouse) -> None:
    sessions = [
        _session(1, 3, "induction", dose_mg=500),
        _session(1, 10, "induction", dose_mg=500),
        _session(1, 40, dose_mg=35, dose_mg_per_kg=0.5),
        _session(1, 68, dose_mg=42),
        _session(1, 110),
        _session(2, 10, "induction"),
        _session(2, 31, dose_mg=70, dose_mg_per_kg=1),
        # A second induction: the next booster is counted from its end.
        _session(2, 60, "induction"),
        _session(2, 80, dose_mg=70),
        _session(3, 10, "induction"),
    ]
    query = _of(warehouse, [_patient(number) for number in (1, 2, 3)], sessions)
    found = {measure: _row(query, QUARTILES, measure) for measure in MEASURES}
    assert {measure: (row["n_patients"], row["n_sessions"]) for measure, row in found.items()} == {
        "days_from_induction": (2, 3),
        "days_between_boosters": (1, 2),
        "dose_mg": (2, 4),
        "dose_mg_per_kg": (2, 2),
    }
    for measure, values in MEASURES.items():
        quartiles = [found[measure][name] for name in ("lower_quartile", "median", "upper_quartile")]
        assert quartiles == pytest.approx(np.quantile(values, [0.25, 0.5, 0.75]), abs=1e-9)


MEASURES = {
    "days_from_induction": [30, 21, 20],
    "days_between_boosters": [28, 42],
    "dose_mg": [35, 42, 70, 70],
    "dose_mg_per_kg": [0.5, 1],
}


def test_strata_are_those_of_the_patient(warehouse: Warehouse) -> None:
    cohort = [_patient(1), _patient(2, clinic_id="C002"), _patient(3, indication_code="ptsd")]
    sessions = [_session(number, day) for number in (1, 2, 3) for day in (30, 60)]
    rows = _of(warehouse, cohort, sessions)(
        f"""
        select dimension, level, n_patients from {QUARTILES}
        where indication = 'all' and measure = 'days_between_boosters'
        """
    )
    assert {(row["dimension"], row["level"]): row["n_patients"] for row in rows} == {
        ("overall", "all"): 3,
        ("clinic", "C001"): 2,
        ("clinic", "C002"): 1,
        ("indication", "trd"): 2,
        ("indication", "ptsd"): 1,
        ("route", "iv"): 3,
    }


def test_an_empty_registry_has_empty_marts(warehouse: Warehouse) -> None:
    query = _of(warehouse, [], [])
    assert query(f"select * from {RATES}") == []
    assert query(f"select * from {QUARTILES}") == []


def test_what_is_counted_is_added_up_over_the_patients_of_a_main_kind(warehouse: Warehouse) -> None:
    # Days of follow-up: four years, none, eight years, and four weeks.
    followed = [(1, 1461, 28, 3), (2, 0, None, 0), (3, 2922, None, 0), (4, 28, 29, 1)]
    said = {1: [True, True, False, None], 2: [None], 3: [False], 4: []}
    names = ("patient_no", "follow_up_days", "first_day", "n_boosters")
    given = {
        "intermediate.int_maintenance_patient": [dict(zip(names, row, strict=True)) for row in followed],
        "intermediate.int_cohort": [_patient(number, data_cut_day=10 + days) for number, days, _, _ in followed],
        "intermediate.int_session": [
            _session(number, day, is_phase_as_reported=says)
            for number, answers in said.items()
            for day, says in enumerate(answers)
        ],
        **main_kinds({1: 1, 2: 1, 3: 1, 4: 2}),
    }
    query = warehouse(given, COUNTS)
    columns = "measure, n_patients, n_patients_with, sum_y, sum_m, sum_yy, sum_ym, sum_mm"
    rows = query(f"select {columns} from {COUNTS} where main_kind_no = 1 order by measure")
    assert [tuple(row.values()) for row in rows] == [
        ("any_by_182_days", 2, 1, 1, 2, 1, 1, 2),
        ("any_by_28_days", 2, 1, 1, 2, 1, 1, 2),
        ("any_by_84_days", 2, 1, 1, 2, 1, 1, 2),
        ("boosters_per_patient_year", 2, 1, 3, 12, 9, 12, 80),
        ("phase_as_reported", 2, 1, 2, 4, 4, 6, 10),
    ]
    rows = query(f"select measure, n_patients, n_patients_with from {COUNTS} where main_kind_no = 2 order by measure")
    assert [tuple(row.values()) for row in rows] == [("any_by_28_days", 1, 0), ("boosters_per_patient_year", 1, 1)]
