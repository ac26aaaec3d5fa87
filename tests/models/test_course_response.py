"""Which score of a course each window reads, what it means there, and which days can be an outcome."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.warehouse_harness import Warehouse

RESPONSE = "intermediate.int_course_response"
OUTCOME_DAY = "intermediate.int_outcome_day"
START = 100
INSTRUMENTS = [
    {"instrument_no": number, "instrument": name} for number, name in enumerate(("phq9", "nrs_avg", "madrs", "cadss"))
]
DEFINITIONS = ("response", "substantial", "remission", "remission_strict", "deterioration")
WK4, WK8, WK12, WK26, WK52, END_OF_INDUCTION = range(3, 9)
Days = Mapping[int, float | None]


def windows(
    warehouse: Warehouse, days: Days, baseline: float | None = 20, instrument_no: int = 0, **course: int
) -> dict[int, dict[str, Any]]:
    """Return, by window, the responses of a course whose scores, as all days here, count from its start."""
    key = {"patient_no": 1, "instrument_no": instrument_no}
    ends = {"last_induction_day": 14, "data_cut_day": 400, **course}
    query = warehouse(
        {
            "intermediate.int_instrument": INSTRUMENTS,
            "intermediate.int_course": [
                {
                    "patient_no": 1,
                    "course_no": 2,
                    "course_start_day": START,
                    **{name: START + day for name, day in ends.items()},
                }
            ],
            "intermediate.int_course_baseline": [
                {**key, "course_no": 2, "baseline_day": -1, "baseline_score": score, "is_eligible": score >= 10}
                for score in [baseline]
                if score is not None
            ],
            "intermediate.int_score_day": [
                {**key, "study_day": START + day, "outcome_score": score, "is_averaged": day == 28}
                for day, score in days.items()
            ],
        },
        RESPONSE,
    )
    rows = query(f"select * from {RESPONSE}")
    found = {row["window_no"]: row for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize(
    ("days", "used"),
    [
        ({26: 9, 30: 12}, (30, 12, 9)),
        ({26: 9, 27: 8, 30: 12}, (27, 8, 9)),
        ({21: 9, 35: 11}, (35, 11, 9)),
        ({28: 6, 29: 7}, (28, 6, 20)),
        ({20: 9, 36: 11}, (20, None, 9)),
        ({0: 9}, (-1, None, 20)),
        ({27: 9, 28: None}, (27, 9, 20)),
    ],
    ids=[
        "the later",
        "the nearest",
        "both edges",
        "on the target",
        "beyond the edges",
        "before the course",
        "no outcome",
    ],
)
def test_a_window_reads_the_nearest_score_and_carries_the_one_before(
    warehouse: Warehouse, days: Days, used: tuple[int, float | None, float]
) -> None:
    row = windows(warehouse, days)[WK4]
    assert (row["window_day"], row["window_score"], row["score_before"]) == used


def test_a_nearer_score_outside_the_window_is_the_one_before(warehouse: Warehouse) -> None:
    row = windows(warehouse, {76: 9, 95: 12})[WK12]
    assert (row["window_day"], row["window_score"], row["score_before"]) == (95, 12, 9)


def test_end_of_induction_reads_the_first_score_after_the_last_session_and_counts_from_it(warehouse: Warehouse) -> None:
    first = windows(warehouse, {14: 19, 15: 9, 28: 8})[END_OF_INDUCTION]
    assert (first["window_day"], first["window_score"], first["score_before"]) == (1, 9, 19)
    assert windows(warehouse, {28: 8})[END_OF_INDUCTION]["window_score"] == 8
    assert windows(warehouse, {29: 8})[END_OF_INDUCTION]["window_score"] is None


@pytest.mark.parametrize(("window", "end"), [(WK4, 35), (END_OF_INDUCTION, 28)])
def test_a_window_is_mature_once_data_reach_its_last_day(warehouse: Warehouse, window: int, end: int) -> None:
    assert windows(warehouse, {}, data_cut_day=end)[window]["is_mature"]
    assert not windows(warehouse, {}, data_cut_day=end - 1)[window]["is_mature"]


@pytest.mark.parametrize(
    ("days", "retreatment", "is_retreated"),
    [({30: 8}, 29, True), ({30: 8}, 30, False), ({}, 35, True), ({}, 36, False)],
)
def test_retreatment_counts_before_the_score_or_within_a_window_without_one(
    warehouse: Warehouse, days: Days, retreatment: int, is_retreated: bool
) -> None:
    row = windows(warehouse, days, retreatment_day=retreatment)[WK4]
    assert row["is_retreated"] == is_retreated
    assert row["window_score"] == days.get(30)
    assert not windows(warehouse, days)[WK4]["is_retreated"]


def test_without_a_baseline_a_course_has_windows_from_its_first_score_on_and_can_only_be_in_remission(
    warehouse: Warehouse,
) -> None:
    found = windows(warehouse, {28: 4}, baseline=None)
    assert set(found) == {WK4, WK8, WK12, WK26, WK52, END_OF_INDUCTION}
    assert [found[WK4][name] for name in ("is_eligible", "baseline_score", "score_before")] == [False, None, None]
    flags = ("is_response", "is_deterioration", "is_remission")
    assert [found[WK4][name] for name in flags] == [None, None, True]
    assert windows(warehouse, {}, baseline=None) == {}


def test_a_course_with_a_baseline_has_every_window_and_nothing_is_known_where_it_was_not_seen(
    warehouse: Warehouse,
) -> None:
    found = windows(warehouse, {28: 4})
    assert set(found) == set(range(1, 9))
    assert (found[WK4]["is_averaged"], found[WK4]["is_response"], found[WK4]["is_substantial"]) == (True, True, None)
    unseen = found[WK52]
    assert (unseen["window_score"], unseen["score_before"], unseen["is_eligible"]) == (None, 4, True)
    assert [unseen[f"is_{name}"] for name in DEFINITIONS] == [None] * len(DEFINITIONS)
    assert not windows(warehouse, {28: 4}, baseline=9)[WK4]["is_eligible"]


@pytest.mark.parametrize(
    ("instrument_no", "baseline", "score", "met"),
    [
        (0, 20, 10, {"response"}),
        (0, 20, 5, {"response"}),
        (0, 20, 25, {"deterioration"}),
        (1, 10, 7, {"response"}),
        (1, 10, 5, {"response", "substantial"}),
        (2, 30, 12, {"response", "remission"}),
        (2, 30, 10, {"response", "remission", "remission_strict"}),
    ],
)
def test_a_score_exactly_on_a_threshold_meets_it_save_the_remission_of_phq9(
    warehouse: Warehouse, instrument_no: int, baseline: float, score: float, met: set[str]
) -> None:
    row = windows(warehouse, {28: score}, baseline, instrument_no)[WK4]
    assert {name for name in DEFINITIONS if row[f"is_{name}"]} == met


def test_an_instrument_that_is_no_outcome_has_no_windows(warehouse: Warehouse) -> None:
    assert windows(warehouse, {28: 4}, instrument_no=3) == {}


def test_an_outcome_is_scored_after_the_first_day_of_the_course_of_a_patient_of_the_cohort(
    warehouse: Warehouse,
) -> None:
    days = [(1, 9, 8), (1, 10, 7), (1, 11, 6), (1, 12, None), (2, 11, 5)]
    query = warehouse(
        {
            "intermediate.int_instrument": INSTRUMENTS,
            "intermediate.int_cohort": [{"patient_no": 1, "course_start_day": 10}],
            "intermediate.int_score_day": [
                {
                    "patient_no": number,
                    "instrument_no": 1,
                    "study_day": day,
                    "baseline_score": 8,
                    "outcome_score": score,
                    "is_averaged": True,
                }
                for number, day, score in days
            ],
        },
        OUTCOME_DAY,
    )
    assert query(f"select * from {OUTCOME_DAY}") == [
        {"patient_no": 1, "instrument": "nrs_avg", "study_day": 11, "course_day": 1, "score": 6, "is_averaged": True}
    ]
