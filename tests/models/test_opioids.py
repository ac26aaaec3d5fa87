"""Opioids: what a day is worth in morphine, who takes less, and what cannot be converted."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.warehouse_harness import Query, Warehouse

Rows = list[dict[str, Any]]
Day = tuple[int, str, float]
MORPHINE, BUPRENORPHINE = "morphine", "buprenorphine"
RATES, CHANGE = "marts.opioid_sparing", "marts.opioid_change"
COUNTS = "intermediate.int_opioid_counts"


def _patient(number: int, **cells: Any) -> dict[str, Any]:
    return {
        "patient_no": number,
        "clinic_id": "C001",
        "patient_id": f"p{number}",
        "course_id": f"k{number}",
        "indication_code": "crps1",
        "route_code": "iv",
        "course_start_day": 0,
        "last_induction_day": 14,
        "data_cut_day": 60,
        **cells,
    }


def _doses(days: dict[int, list[Day]]) -> Rows:
    return [
        {
            "clinic_id": "C001",
            "patient_id": f"p{number}",
            "study_day": day,
            "opioid": opioid,
            "daily_dose": Decimal(str(dose)),
            "unit": "mcg/h" if opioid.endswith("mcg_h") else "mg/day",
        }
        for number, doses in days.items()
        for day, opioid, dose in doses
    ]


def _built(warehouse: Warehouse, days: dict[int, list[Day]], **cells: Any) -> Query:
    cohort = [_patient(number, **cells) for number in days]
    people = [{key: row[key] for key in ("patient_no", "clinic_id", "patient_id", "data_cut_day")} for row in cohort]
    given = {
        "staging.stg_opioid_day": _doses(days),
        "intermediate.int_cohort": cohort,
        "intermediate.int_consented_patient": people,
        "intermediate.int_session": [],
    }
    return warehouse(given, RATES, CHANGE)


def _rates(query: Query, window: str = "wk4", estimand: str = "observed") -> dict[str, tuple[int, int]]:
    rows = query(
        f"""
        select definition, numerator, denominator from {RATES}
        where time_window = '{window}' and estimand = '{estimand}' and indication = 'all' and dimension = 'overall'
        """
    )
    return {row["definition"]: (row["numerator"], row["denominator"]) for row in rows}


@pytest.mark.parametrize(
    ("doses", "mme"),
    [
        ([(0, MORPHINE, 30)], 30),
        ([(0, MORPHINE, 30), (0, "oxycodone", 20)], 60),
        ([(0, "fentanyl_transdermal_mcg_h", 25)], 60),
        ([(0, BUPRENORPHINE, 8)], None),
        ([(0, MORPHINE, 30), (0, BUPRENORPHINE, 8)], None),
        ([(0, MORPHINE, 30), (0, BUPRENORPHINE, 0)], 30),
        ([(0, "other", 0)], 0),
    ],
)
def test_a_day_is_worth_its_doses_times_their_factors_or_unknown(
    warehouse: Warehouse, doses: list[Day], mme: int | None
) -> None:
    query = _built(warehouse, {1: doses})
    assert query("select mme_per_day from intermediate.int_opioid_mme") == [{"mme_per_day": mme}]


def test_days_after_the_data_cut_do_not_count(warehouse: Warehouse) -> None:
    assert _built(warehouse, {1: [(61, MORPHINE, 30)]})("select * from intermediate.int_opioid_mme") == []


@pytest.mark.parametrize(
    ("dose", "met"),
    [
        (71, set()),
        (70, {"fall_30"}),
        (50, {"fall_30", "fall_50"}),
        (0, {"fall_30", "fall_50", "to_zero"}),
        (130, set()),
    ],
)
def test_a_fall_is_exactly_30_or_50_percent_of_the_baseline_or_to_nothing(
    warehouse: Warehouse, dose: int, met: set[str]
) -> None:
    rates = _rates(_built(warehouse, {1: [(-7, MORPHINE, 100), (28, MORPHINE, dose)]}))
    assert {name for name, (numerator, _) in rates.items() if numerator} == met
    assert {denominator for _, denominator in rates.values()} == {1}


def test_the_baseline_is_the_last_convertible_day_of_two_weeks(warehouse: Warehouse) -> None:
    days: list[Day] = [(-15, MORPHINE, 500), (-9, MORPHINE, 200), (-3, MORPHINE, 100), (0, BUPRENORPHINE, 8)]
    query = _built(warehouse, {1: [*days, (28, MORPHINE, 80)]})
    assert query(f"select distinct median from {CHANGE} where measure = 'baseline_mme'") == [{"median": 100}]


def test_nobody_seen_is_no_fall_and_a_start_is_counted_among_those_without_opioids(warehouse: Warehouse) -> None:
    days: dict[int, list[Day]] = {
        1: [(-1, MORPHINE, 100), (28, MORPHINE, 10)],
        2: [(-1, MORPHINE, 100)],
        3: [(-1, MORPHINE, 0), (28, MORPHINE, 10)],
        4: [(-1, MORPHINE, 0), (28, MORPHINE, 0)],
        5: [(-1, MORPHINE, 0)],
        6: [(28, MORPHINE, 10)],
    }
    query = _built(warehouse, days)
    observed, nri = _rates(query), _rates(query, estimand="nri")
    assert (observed["fall_50"], nri["fall_50"]) == ((1, 1), (1, 2))
    assert (observed["new_start"], nri["new_start"]) == ((1, 2), (1, 3))


def test_what_cannot_be_converted_is_counted_and_is_never_0(warehouse: Warehouse) -> None:
    days: dict[int, list[Day]] = {
        1: [(-1, BUPRENORPHINE, 8), (28, MORPHINE, 10)],
        2: [(-1, MORPHINE, 100), (28, BUPRENORPHINE, 8)],
        3: [(-1, MORPHINE, 100), (25, BUPRENORPHINE, 8), (30, MORPHINE, 100)],
    }
    query = _built(warehouse, days)
    assert _rates(query, "baseline", "nri")["not_convertible"] == (1, 3)
    assert _rates(query, "wk4", "nri") == {
        "fall_30": (0, 2),
        "fall_50": (0, 2),
        "to_zero": (0, 2),
        "not_convertible": (1, 2),
    }


def test_an_immature_window_has_no_rows(warehouse: Warehouse) -> None:
    query = _built(warehouse, {1: [(-1, MORPHINE, 100), (28, MORPHINE, 10)]}, data_cut_day=34)
    assert _rates(query) == {}
    assert not query(f"select * from {CHANGE} where time_window = 'wk4'")


def test_the_quartiles_are_those_of_numpy(warehouse: Warehouse) -> None:
    doses = [10, 20, 20, 35, 80, 90, 140]
    days: dict[int, list[Day]] = {
        number: [(-1, MORPHINE, 100), (28, MORPHINE, dose)] for number, dose in enumerate(doses, start=1)
    }
    (row,) = _built(warehouse, days)(
        f"""
        select n_patients, lower_quartile, median, upper_quartile from {CHANGE}
        where measure = 'change_percent' and indication = 'all' and dimension = 'overall' and time_window = 'wk4'
        """
    )
    assert row["n_patients"] == len(doses)
    expected = np.quantile(np.array(doses) - 100, [0.25, 0.5, 0.75])
    assert [row["lower_quartile"], row["median"], row["upper_quartile"]] == pytest.approx(expected, abs=1e-9)


def test_a_registry_without_opioids_has_empty_marts(warehouse: Warehouse) -> None:
    query = _built(warehouse, {})
    assert query(f"select * from {RATES}") == []
    assert query(f"select * from {CHANGE}") == []


def _windows(numbers: range, immature: int = 0) -> Rows:
    window = {"time_window": "wk4", "window_start_day": 21, "window_end_day": 35}
    return [{"patient_no": number, "is_mature": number != immature, **window} for number in numbers]


def _baselines(scores: dict[int, int], instrument: str = "mme_per_day") -> Rows:
    return [{"patient_no": n, "instrument": instrument, "baseline_score": score} for n, score in scores.items()]


def _window_scores(scores: dict[int, int]) -> Rows:
    return [
        {"patient_no": number, "instrument": "mme_per_day", "time_window": "wk4", "window_score": score}
        for number, score in scores.items()
    ]


def _mme(days: list[tuple[int, int, int | None]]) -> Rows:
    return [{"patient_no": number, "study_day": day, "mme_per_day": mme} for number, day, mme in days]


def _counts(warehouse: Warehouse, numbers: range, **given: Rows) -> list[tuple[Any, ...]]:
    """Return the rows of the counts; every patient is of the one kind."""
    names = ("response_counts", "window_score", "baseline", "patient_window", "opioid_mme", "cohort")
    parents = {f"intermediate.int_{name}": given.get(name, []) for name in names}
    kinds = [{"patient_no": number, "patient_kind_no": 1} for number in numbers]
    query = warehouse({**parents, "intermediate.int_patient_kind": kinds}, COUNTS)
    columns = "time_window, definition, n_eligible, n_observed, n_met"
    return [tuple(row.values()) for row in query(f"select {columns} from {COUNTS} order by all")]


def test_falls_are_the_responses_in_opioids_and_in_nothing_else(warehouse: Warehouse) -> None:
    counted = {"patient_kind_no": 1, "time_window": "wk4", "n_eligible": 9, "n_observed": 7}
    met = {"n_response": 5, "n_substantial": 3, "n_remission": 1}
    responses = [{**counted, **met, "instrument": name} for name in ("mme_per_day", "phq9")]
    assert _counts(warehouse, range(0), response_counts=responses) == [
        ("wk4", "fall_30", 9, 7, 5),
        ("wk4", "fall_50", 9, 7, 3),
        ("wk4", "to_zero", 9, 7, 1),
    ]


def test_a_new_start_needs_a_baseline_of_0_and_a_mature_window_with_some(warehouse: Warehouse) -> None:
    numbers = range(1, 7)
    found = _counts(
        warehouse,
        numbers,
        baseline=_baselines({1: 0, 2: 0, 3: 0, 4: 0}) + _baselines({5: 0}, "phq9"),
        patient_window=_windows(numbers, immature=4),
        window_score=_window_scores({1: 10, 2: 0, 4: 10, 5: 10, 6: 10}),
    )
    assert found == [("wk4", "new_start", 3, 2, 1)]


def test_a_window_is_not_convertible_when_no_day_in_it_is_and_no_total_was_sent(warehouse: Warehouse) -> None:
    numbers = range(1, 6)
    found = _counts(
        warehouse,
        numbers,
        baseline=_baselines(dict.fromkeys(numbers, 100)),
        patient_window=_windows(numbers),
        opioid_mme=_mme([(1, 35, None), (2, 21, None), (2, 28, 50), (3, 28, None), (4, 36, None)]),
        window_score=_window_scores({2: 50, 3: 50}),
    )
    assert found == [("wk4", "not_convertible", 5, 2, 1)]


def test_before_treatment_a_patient_is_not_convertible_when_no_day_of_two_weeks_is(warehouse: Warehouse) -> None:
    days = [(1, 6, None), (2, 5, None), (3, 20, 10), (4, 6, None), (4, 7, 10), (5, 21, None)]
    numbers = range(1, 6)
    cohort = [_patient(number, course_start_day=20) for number in numbers]
    found = _counts(warehouse, numbers, cohort=cohort, opioid_mme=_mme(days))
    assert found == [("baseline", "not_convertible", 3, 2, 1)]
