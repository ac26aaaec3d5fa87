"""Who counts in which quarter of a clinic, where its chart ends, and what is a run."""

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from registry_pipeline.statistics.control_chart import over_time_rows
from registry_pipeline.statistics.funnel import binomial_limits
from tests.models.test_ae import event, session, tables
from tests.warehouse_harness import Warehouse

COUNTS, MART = "intermediate.int_clinic_quarter", "marts.clinic_over_time"
Rows = list[dict[str, Any]]


def quarters(warehouse: Warehouse, given: dict[str, Rows], indicator: str) -> list[tuple[Any, ...]]:
    query = warehouse(given, COUNTS)
    rows = query(f"select * from {COUNTS} where indicator = '{indicator}' order by all")
    return [tuple(row[name] for name in ("instrument", "quarter", "numerator", "denominator")) for row in rows]


def scored(*days: tuple[int, int], start: int = 0, **baseline: Any) -> dict[str, Rows]:
    """Return a patient of PHQ-9 20 at the start of the course and with these later scores."""
    key = {"patient_no": 1, "instrument_no": 1}
    return {
        "intermediate.int_instrument": [{"instrument_no": 1, "instrument": "phq9"}],
        "intermediate.int_consented_patient": [{"patient_no": 1, "clinic_id": "C001"}],
        "intermediate.int_cohort": [{"patient_no": 1, "course_start_day": start}],
        "intermediate.int_course_baseline": [
            {**key, "course_no": 1, "baseline_score": Decimal(20), "is_eligible": True, **baseline}
        ],
        "intermediate.int_score_day": [
            {**key, "study_day": day, "outcome_score": Decimal(score)} for day, score in days
        ],
        "intermediate.int_session": [],
    }


def test_the_last_score_of_a_quarter_says_whether_a_patient_was_in_response(warehouse: Warehouse) -> None:
    given = scored((7, 5), (90, 11), (91, 15), (181, 10), (400, 20))
    assert quarters(warehouse, given, "in_response") == [("phq9", 1, 0, 1), ("phq9", 2, 1, 1), ("phq9", 5, 0, 1)]


@pytest.mark.parametrize(
    "given",
    [
        scored((-3, 5), (0, 5)),
        scored((7, 5), is_eligible=False),
        scored((7, 5), course_no=2),
        scored((3, 5), (10, 5), start=10),
    ],
    ids=["before the course and at its start", "no eligible baseline", "a later course", "before a later start"],
)
def test_only_scores_after_an_eligible_first_course_began_count(warehouse: Warehouse, given: dict[str, Rows]) -> None:
    assert quarters(warehouse, given, "in_response") == []


def test_a_patient_counts_once_a_quarter_and_only_by_complete_forms(warehouse: Warehouse) -> None:
    given = tables(
        [
            *(session("a", number, day) for number, day in enumerate((0, 7, 91), start=1)),
            session("b", 1, 90),
            session("c", 1, 0, ae_form_status="spontaneous_only"),
        ],
        [event("a-1", "nausea", 0), event("a-2", "nausea", 7), event("b-1", "nausea", 95), event("c-1", "nausea", 0)],
    )
    # What is noted at b's session began five days later, in the next quarter.
    given["intermediate.int_cohort"] = []
    assert quarters(warehouse, given, "adverse_event") == [("all", 1, 2, 2), ("all", 2, 0, 1)]


def chart(*counts: tuple[int, int] | None, level: str = "C001") -> Rows:
    """Return the counts of a clinic, quarter after quarter; None leaves one out."""
    key = {"indicator": "in_response", "instrument": "phq9", "clinic_id": level}
    return [
        {**key, "quarter": quarter, "numerator": each[0], "denominator": each[1]}
        for quarter, each in enumerate(counts, start=1)
        if each
    ]


def built(warehouse: Warehouse, given: Rows) -> Rows:
    return warehouse({COUNTS: given}, MART)(f"select * from {MART} order by level, quarter")


def test_limits_are_those_of_the_funnel_around_the_clinics_own_rate(warehouse: Warehouse) -> None:
    rows = built(warehouse, chart((196, 320), (108, 215), (71, 150), (38, 104), (22, 58)))
    assert {row["centre"] for row in rows} == {0.514}  # 435 of 847
    for tail, name in ((0.025, "95"), (0.001, "998")):
        limits = binomial_limits(0.514, [row["denominator"] for row in rows], tail)
        assert [row[f"low_{name}"] for row in rows] == limits.low.tolist()
        assert [row[f"high_{name}"] for row in rows] == limits.high.tolist()
    assert [row["is_outside_998"] for row in rows] == [True, False, False, False, False]


def test_a_quarter_of_fewer_than_eleven_patients_is_no_point_and_counts_in_no_centre(warehouse: Warehouse) -> None:
    rows = built(warehouse, chart((30, 60), (0, 10), (30, 60), (10, 10)))
    assert [(row["quarter"], row["centre"], row["run_length"]) for row in rows] == [(1, 0.5, 0), (3, 0.5, 0)]


@pytest.mark.parametrize("small", [(5, 60), (55, 60)])
def test_a_chart_ends_before_a_small_cell_and_tells_nothing_of_it(warehouse: Warehouse, small: tuple[int, int]) -> None:
    rows = built(warehouse, chart((40, 60), (20, 60), small, (30, 60)))
    assert [row["centre"] for row in rows] == [0.5, 0.5, None, None]
    names = ("low_95", "high_95", "low_998", "high_998", "is_outside_998", "run_length", "is_run")
    assert {row[name] for row in rows[2:] for name in names} == {None}
    assert [row["rate"] for row in rows[2:]] == [small[0] / 60, 0.5]


def test_eight_in_a_row_on_one_side_are_a_run_and_seven_are_not(warehouse: Warehouse) -> None:
    rows = built(warehouse, chart(*[(40, 60)] * 8, *[(20, 60)] * 7))
    assert [row["run_length"] for row in rows] == [*range(1, 9), *range(1, 8)]
    assert [row["is_run"] for row in rows] == [False] * 7 + [True] + [False] * 7


def test_a_gap_and_a_quarter_on_the_centre_end_a_run(warehouse: Warehouse) -> None:
    rows = built(warehouse, chart((40, 60), (40, 60), None, (40, 60), (30, 60), (40, 60), *[(20, 60)] * 4))
    assert [row["run_length"] for row in rows] == [1, 2, 1, 0, 1, 1, 2, 3, 4]


def test_a_side_is_that_of_the_rate_and_not_of_the_rounded_centre(warehouse: Warehouse) -> None:
    rows = built(warehouse, chart(*[(20, 60)] * 9))
    assert {(row["centre"], row["run_length"], row["is_run"]) for row in rows} == {(0.333, 0, False)}


@pytest.mark.parametrize("share", [0, 1])
def test_where_all_quarters_are_flat_the_limits_are_the_rate(warehouse: Warehouse, share: int) -> None:
    rows = built(warehouse, chart((share * 20, 20), (share * 60, 60)))
    flat = {row[name] for row in rows for name in ("centre", "low_95", "high_95", "low_998", "high_998")}
    assert flat == {share}
    assert {(row["is_outside_998"], row["run_length"]) for row in rows} == {(False, 0)}


def test_a_centre_that_is_hardly_anything_is_not_rounded_to_nothing(warehouse: Warehouse) -> None:
    rows = built(warehouse, chart((11, 60_000), (0, 20)))
    assert {(row["centre"], row["is_outside_998"]) for row in rows} == {(0.001, True), (0.001, False)}


def test_charts_do_not_touch_each_other_and_the_order_of_rows_changes_nothing() -> None:
    charts = [
        chart(*[(40, 60)] * 4, level="C001"),
        chart(*[(40, 60)] * 5, (20, 60), (3, 60), level="C002"),
        [{**row, "instrument": "gad7"} for row in chart((40, 60), (20, 60), level="C002")],
    ]
    frames = [pd.DataFrame(rows).rename(columns={"clinic_id": "level"}) for rows in charts]
    together = over_time_rows(pd.concat(frames).sample(frac=1, random_state=7))
    alone = pd.concat([over_time_rows(frame) for frame in frames])
    keys = ["indicator", "instrument", "level", "quarter"]
    pd.testing.assert_frame_equal(together, alone.sort_values(keys, ignore_index=True))


def test_a_registry_without_quarters_has_no_rows(warehouse: Warehouse) -> None:
    assert built(warehouse, []) == []
