"""Who responds on pain and on mood at once."""

from typing import Any

import pytest

from tests.warehouse_harness import Query, Warehouse

PAIN, MOOD = ("nrs_avg", 8), ("phq9", 20)


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
