"""How scores change from baseline, and how sure the mean is."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.warehouse_harness import Query, Warehouse

PAIRS = [(20, 10), (14, 15.75), (25, 8), (11, 11)]
PAIR = "time_window = 'wk4' and indication = 'all' and dimension = 'overall'"


def _cohort(number: int) -> dict[str, Any]:
    return {
        "patient_no": number,
        "clinic_id": f"C00{number}",
        "course_id": f"k{number}",
        "indication_code": "mdd",
        "route_code": "iv",
        "course_start_day": 0,
        "last_induction_day": 14,
        "data_cut_day": 400,
    }


def _score(number: int, day: int, score: float) -> dict[str, Any]:
    return {
        "patient_no": number,
        "instrument": "phq9",
        "study_day": day,
        "score": score,
        "can_be_baseline": True,
        "can_be_outcome": True,
    }


@pytest.fixture
def changes(warehouse: Warehouse) -> Query:
    """Return the mart of four patients seen at week 4 and one who was not."""
    scores = [_score(5, -1, 27)]
    for number, (baseline, score) in enumerate(PAIRS, start=1):
        scores += [_score(number, -1, baseline), _score(number, 28, score)]
    return warehouse(
        {
            "intermediate.int_cohort": [_cohort(number) for number in range(1, 6)],
            "intermediate.int_session": [],
            "intermediate.int_score": scores,
        },
        "marts.score_change",
    )


def test_means_spread_and_limits_are_those_of_the_observed_patients(changes: Query) -> None:
    (found,) = changes(f"select * from marts.score_change where {PAIR}")
    baseline, score = np.array(PAIRS).T
    low, high = stats.t.interval(0.95, 3, loc=(score - baseline).mean(), scale=stats.sem(score - baseline))
    assert (found["n_observed"], found["n_eligible"], found["coverage"]) == (4, 5, 0.8)
    assert found["baseline_mean"] == pytest.approx(baseline.mean(), abs=1e-9)
    assert found["score_mean"] == pytest.approx(score.mean(), abs=1e-9)
    assert found["change_mean"] == pytest.approx((score - baseline).mean(), abs=1e-9)
    assert found["change_sd"] == pytest.approx((score - baseline).std(ddof=1), abs=1e-9)
    assert (found["ci_low"], found["ci_high"]) == (pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))
    assert found["ci_method"] == "t"


def test_one_patient_has_a_mean_without_limits(changes: Query) -> None:
    (found,) = changes(
        "select * from marts.score_change where time_window = 'wk4' and indication = 'all' and level = 'C001'"
    )
    assert (found["change_mean"], found["n_observed"]) == (-10, 1)
    assert [found[name] for name in ("change_sd", "ci_low", "ci_high", "ci_method")] == [None] * 4


def test_nobody_observed_has_no_mean(changes: Query) -> None:
    (found,) = changes(f"select * from marts.score_change where {PAIR.replace('wk4', 'wk8')}")
    assert (found["n_observed"], found["n_eligible"]) == (0, 5)
    assert [found[name] for name in ("baseline_mean", "score_mean", "change_mean", "change_sd")] == [None] * 4


def test_an_empty_registry_has_no_rows(warehouse: Warehouse) -> None:
    assert warehouse({}, "marts.score_change")("select * from marts.score_change") == []
