"""Which scores are valid, which one is the baseline, and which one a window reads."""

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tests.warehouse_harness import Query, Warehouse

KEY = {"clinic_id": "C001", "patient_id": "p1"}
PATIENT = {"patient_no": 1}
COHORT = {
    **PATIENT,
    **KEY,
    "course_id": "k1",
    "indication_code": "mdd",
    "route_code": "iv",
    "course_start_day": 0,
    "last_induction_day": 21,
    "data_cut_day": 60,
}


def _assessment(number: int, day: int, **cells: Any) -> dict[str, Any]:
    return {
        **KEY,
        "assessment_id": f"a{number}",
        "instrument": "phq9",
        "study_day": day,
        "timing_rel_dose": "none",
        **cells,
    }


def _score(day: int, score: float, number: int = 1, **cells: Any) -> dict[str, Any]:
    return {
        **PATIENT,
        "assessment_id": f"s{day}-{number}",
        "instrument": "phq9",
        "study_day": day,
        "course_day": day,
        "score": Decimal(str(score)),
        "can_be_baseline": True,
        "can_be_outcome": True,
        **cells,
    }


def _scores(warehouse: Warehouse, *assessments: dict[str, Any], session_days: tuple[int, ...] = (0,)) -> Query:
    return warehouse(
        {
            "intermediate.int_cohort": [COHORT],
            "intermediate.int_session": [
                {**PATIENT, "course_id": "k1", "session_id": f"s{day}", "study_day": day, "phase_derived": "induction"}
                for day in session_days
            ],
            "staging.stg_outcome_assessment": list(assessments),
        },
        "intermediate.int_score",
    )


@pytest.mark.parametrize(
    ("instrument", "cells", "score"),
    [
        ("phq9", {"total": Decimal(12)}, Decimal(12)),
        ("phq9", {"items_sum": Decimal(9), "n_items_answered": 8}, Decimal("10.125")),
        ("phq9", {"items_sum": Decimal(9), "n_items_answered": 9}, Decimal(9)),
        ("phq9", {"items_sum": Decimal(9), "n_items_answered": 7}, None),
        ("phq9", {"items_sum": Decimal(9)}, None),
        ("phq9", {"total": Decimal(28)}, None),
        ("gad7", {"items_sum": Decimal(6), "n_items_answered": 6}, Decimal(7)),
        ("pcl5", {"items_sum": Decimal(32), "n_items_answered": 16}, Decimal(40)),
        ("pcl5", {"items_sum": Decimal(30), "n_items_answered": 15}, None),
        ("bpi_interference", {"items_sum": Decimal(22), "n_items_answered": 4}, Decimal("5.5")),
        ("bpi_interference", {"items_sum": Decimal(22), "n_items_answered": 3}, None),
    ],
)
def test_a_score_is_the_total_or_prorated_without_rounding(
    warehouse: Warehouse, instrument: str, cells: dict[str, Any], score: Decimal | None
) -> None:
    query = _scores(warehouse, _assessment(1, 28, instrument=instrument, **cells))
    expected = [] if score is None else [{"score": score, "is_prorated": "total" not in cells and score != 9}]
    assert query("select score, is_prorated from intermediate.int_score") == expected


def test_scores_after_the_data_cut_do_not_count(warehouse: Warehouse) -> None:
    query = _scores(warehouse, _assessment(1, 60, total=Decimal(5)), _assessment(2, 61, total=Decimal(5)))
    assert query("select study_day from intermediate.int_score") == [{"study_day": 60}]


@pytest.mark.parametrize(
    ("day", "timing", "can_be_baseline", "can_be_outcome"),
    [
        (0, "pre", True, True),
        (0, "none", True, False),
        (0, "during", False, False),
        (0, "post", False, False),
        (5, "none", True, True),
        (5, "post", False, True),
    ],
)
def test_on_a_session_day_an_outcome_must_be_taken_before_the_dose(
    warehouse: Warehouse, day: int, timing: str, can_be_baseline: bool, can_be_outcome: bool
) -> None:
    query = _scores(warehouse, _assessment(1, day, total=Decimal(5), timing_rel_dose=timing))
    assert query("select can_be_baseline, can_be_outcome from intermediate.int_score") == [
        {"can_be_baseline": can_be_baseline, "can_be_outcome": can_be_outcome}
    ]


def _baseline(warehouse: Warehouse, *scores: dict[str, Any]) -> list[dict[str, Any]]:
    query = warehouse(
        {"intermediate.int_score": list(scores), "intermediate.int_cohort": [COHORT], "intermediate.int_session": []},
        "intermediate.int_baseline",
    )
    return query("select baseline_day, baseline_score, is_averaged, is_eligible from intermediate.int_baseline")


def test_the_baseline_is_the_last_valid_day_of_the_two_weeks_before_the_course(warehouse: Warehouse) -> None:
    found = _baseline(warehouse, _score(-14, 20), _score(-3, 12), _score(0, 15, can_be_baseline=False), _score(1, 5))
    assert found == [{"baseline_day": -3, "baseline_score": Decimal(12), "is_averaged": False, "is_eligible": True}]


def test_there_is_no_baseline_before_the_two_weeks(warehouse: Warehouse) -> None:
    assert _baseline(warehouse, _score(-15, 20), _score(1, 18)) == []


def test_scores_of_the_same_baseline_day_are_averaged(warehouse: Warehouse) -> None:
    assert _baseline(warehouse, _score(-1, 10), _score(-1, 11, number=2)) == [
        {"baseline_day": -1, "baseline_score": Decimal("10.5"), "is_averaged": True, "is_eligible": True}
    ]


@pytest.mark.parametrize(
    ("instrument", "score", "is_eligible"),
    [
        ("phq9", 10, True),
        ("phq9", 9.99, False),
        ("promis_physical_function_t", 30, True),
        ("pdi", 0, False),
        ("pdi", 1, True),
    ],
)
def test_eligible_from_the_floor_on_and_never_at_zero(
    warehouse: Warehouse, instrument: str, score: float, is_eligible: bool
) -> None:
    (found,) = _baseline(warehouse, _score(-1, score, instrument=instrument))
    assert found["is_eligible"] is is_eligible


def test_a_safety_scale_has_no_baseline(warehouse: Warehouse) -> None:
    assert _baseline(warehouse, _score(-1, 10, instrument="cadss")) == []


def _window(warehouse: Warehouse, window: str, *scores: dict[str, Any]) -> list[tuple[Any, ...]]:
    query = warehouse(
        {
            "intermediate.int_score": list(scores),
            "intermediate.int_cohort": [COHORT],
            "intermediate.int_session": [],
        },
        "intermediate.int_window_score",
    )
    rows = query(f"select * from intermediate.int_window_score where time_window = '{window}'")
    return [(row["window_day"], row["window_score"], row["is_averaged"]) for row in rows]


@pytest.mark.parametrize(
    ("days", "expected"),
    [([21, 35], 35), ([26, 30], 30), ([25, 30], 30), ([26, 31], 26), ([20, 36], None), ([28, 29], 28)],
)
def test_a_window_reads_the_score_nearest_to_its_target_and_the_later_of_two(
    warehouse: Warehouse, days: list[int], expected: int | None
) -> None:
    found = _window(warehouse, "wk4", *(_score(day, day) for day in days))
    assert found == ([] if expected is None else [(expected, Decimal(expected), False)])


def test_scores_of_the_same_window_day_are_averaged(warehouse: Warehouse) -> None:
    assert _window(warehouse, "wk4", _score(28, 7), _score(28, 8, number=2)) == [(28, Decimal("7.5"), True)]


def test_scores_that_cannot_be_an_outcome_are_not_read(warehouse: Warehouse) -> None:
    found = _window(warehouse, "wk4", _score(28, 7, can_be_outcome=False), _score(33, 9))
    assert found == [(33, Decimal(9), False)]


def test_end_of_induction_is_the_first_score_in_the_14_days_after_the_last_induction_session(
    warehouse: Warehouse,
) -> None:
    found = _window(warehouse, "end_of_induction", _score(21, 3), _score(24, 7), _score(30, 9), _score(36, 1))
    assert found == [(3, Decimal(7), False)]
    assert _window(warehouse, "end_of_induction", _score(36, 1)) == []


def test_windows_of_the_course_are_disjoint(warehouse: Warehouse) -> None:
    query = warehouse({}, "reference.time_windows")
    days = query(
        "select start_day, target_day, end_day from reference.time_windows where anchor = 'course_start' order by 1"
    )
    assert all(window["start_day"] <= window["target_day"] <= window["end_day"] for window in days)
    assert all(earlier["end_day"] < later["start_day"] for earlier, later in pairwise(days))
