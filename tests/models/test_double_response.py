"""Who responds on pain and on mood at once."""

from typing import Any

import pytest

from tests.warehouse_harness import Query, Warehouse

COUNTS = "intermediate.int_double_response_counts"
PAIN, MOOD = ("nrs_avg", 8), ("phq9", 20)
WK4 = 3


def _cohort(number: int) -> dict[str, Any]:
    return {
        "patient_no": number,
        "clinic_id": "C001",
        "course_id": f"k{number}",
        "indication_code": "crps1",
        "route_code": "iv",
        "course_start_day": 0,
        "last_induction_day": 14,
        "data_cut_day": 400,
    }


def _score(number: int, instrument: str, day: int, score: float) -> dict[str, Any]:
    return {
        "patient_no": number,
        "instrument": instrument,
        "study_day": day,
        "score": score,
        "can_be_baseline": True,
        "can_be_outcome": True,
    }


@pytest.fixture
def rates(warehouse: Warehouse) -> Query:
    """Return the mart of patients with these scores of pain (from 8) and mood (from 20) at week 4."""
    week_4 = [(5, 10), (5, 11), (6, 10), (6, 11), (5, None), (None, 9), (None, None)]
    scores = []
    for number, found in enumerate(week_4, start=1):
        for (instrument, baseline), score in zip((PAIN, MOOD), found, strict=True):
            scores.append(_score(number, instrument, -1, baseline))
            scores += [] if score is None else [_score(number, instrument, 28, score)]
    # One patient below the floor of mood, and one with pain alone, are in no denominator.
    scores += [_score(8, "nrs_avg", -1, 8), _score(8, "phq9", -1, 9), _score(8, "nrs_avg", 28, 1)]
    scores += [_score(9, "nrs_avg", -1, 8), _score(9, "nrs_avg", 28, 1)]
    return warehouse(
        {
            "intermediate.int_cohort": [_cohort(number) for number in range(1, 10)],
            "intermediate.int_session": [],
            "intermediate.int_score": scores,
        },
        "marts.double_response",
    )


@pytest.mark.parametrize(("estimand", "denominator"), [("nri", 7), ("observed", 4)])
def test_both_one_and_neither_are_counted_among_those_eligible_on_both(
    rates: Query, estimand: str, denominator: int
) -> None:
    (found,) = rates(
        f"""
        select * from marts.double_response
        where time_window = 'wk4' and estimand = '{estimand}' and indication = 'all' and dimension = 'overall'
        """
    )
    assert (found["pain_instrument"], found["mood_instrument"]) == ("nrs_avg", "phq9")
    assert (found["numerator"], found["denominator"]) == (1, denominator)
    assert [found[f"n_{name}"] for name in ("pain_only", "mood_only", "neither")] == [1, 1, 1]
    assert (found["n_eligible"], found["n_observed"]) == (7, 4)
    assert found["rate"] == pytest.approx(1 / denominator)
    assert found["ci_method"] == "clopper_pearson"


def test_strata_of_patients_are_there_too(rates: Query) -> None:
    assert rates(
        """
        select denominator from marts.double_response
        where time_window = 'wk4' and estimand = 'nri' and indication = 'crps1' and dimension = 'route' and level = 'iv'
        """
    ) == [{"denominator": 7}]


def test_an_empty_registry_has_no_rows(warehouse: Warehouse) -> None:
    assert warehouse({}, "marts.double_response")("select * from marts.double_response") == []


def _response(number: int, instrument_no: int, is_response: bool | None, **cells: Any) -> dict[str, Any]:
    return {
        "patient_no": number,
        "course_no": 1,
        "instrument_no": instrument_no,
        "window_no": WK4,
        "is_eligible": True,
        "is_mature": True,
        "window_score": None if is_response is None else 5,
        "is_response": is_response,
        **cells,
    }


def _counts(warehouse: Warehouse, responses: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return the counts of patients of whom those from 10 on are of kind 2."""
    instruments = ("nrs_avg", "bpi_severity", "phq9", "promis_depression_t", "gad7", "caps5", "bpi_interference")
    query = warehouse(
        {
            "intermediate.int_instrument": [
                {"instrument_no": number, "instrument": name} for number, name in enumerate(instruments)
            ],
            "intermediate.int_patient_kind": [
                {"patient_no": number, "patient_kind_no": 1 + number // 10} for number in range(1, 20)
            ],
            "intermediate.int_course_response": responses,
        },
        COUNTS,
    )
    columns = "patient_kind_no, pain_instrument, mood_instrument, time_window"
    rows = query(f"select {columns}, n_eligible, n_observed, n_pain, n_mood, n_both from {COUNTS} order by all")
    return [tuple(row.values()) for row in rows]


def test_of_each_kind_those_eligible_on_both_are_counted_by_what_they_meet_where_both_are_scored(
    warehouse: Warehouse,
) -> None:
    met = {1: (True, True), 2: (True, False), 3: (False, True), 4: (False, False)}
    unscored = {5: (True, None), 6: (None, True), 7: (None, None)}
    both = {**met, **unscored, 10: (True, True), 11: (True, None)}
    rows = [_response(number, 0, pain) for number, (pain, _) in both.items()]
    rows += [_response(number, 2, mood) for number, (_, mood) in both.items()]
    assert _counts(warehouse, rows) == [
        (1, "nrs_avg", "phq9", "wk4", 7, 4, 2, 2, 1),
        (2, "nrs_avg", "phq9", "wk4", 2, 1, 1, 1, 1),
    ]


@pytest.mark.parametrize("cells", [{"course_no": 2}, {"is_eligible": False}, {"is_mature": False}, {"window_no": 4}])
def test_a_later_course_another_window_or_one_side_alone_is_no_double_response(
    warehouse: Warehouse, cells: dict[str, Any]
) -> None:
    assert _counts(warehouse, [_response(1, 0, is_response=True), _response(1, 2, is_response=True, **cells)]) == []


def test_every_pair_of_pain_at_30_percent_and_mood_at_50_is_counted_and_no_other(warehouse: Warehouse) -> None:
    assert _counts(warehouse, [_response(1, number, is_response=True) for number in range(7)]) == [
        (1, "bpi_severity", "phq9", "wk4", 1, 1, 1, 1, 1),
        (1, "nrs_avg", "phq9", "wk4", 1, 1, 1, 1, 1),
    ]
