"""Later induction courses: each against its own baseline, and intervals that know whose they are."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse_harness import Query, Warehouse

STARTS = (0, 100, 200, 300)


def _cohort(number: int) -> dict[str, Any]:
    return {
        "patient_no": number,
        "clinic_id": "C001",
        "patient_id": f"p{number}",
        "course_id": f"k{number}-0",
        "indication_code": "mdd",
        "route_code": "iv",
        "course_start_day": 0,
        "last_induction_day": 7,
        "data_cut_day": 900,
    }


def _session(number: int, start: int, day: int, intent: str = "induction") -> dict[str, Any]:
    return {
        "patient_no": number,
        "clinic_id": "C001",
        "course_id": f"k{number}-{start}",
        "session_id": f"s{number}-{day}",
        "study_day": day,
        "course_intent": intent,
        "phase_derived": "induction" if intent == "induction" else "maintenance",
    }


def _course(number: int, start: int) -> dict[str, Any]:
    return {"clinic_id": "C001", "course_id": f"k{number}-{start}", "start_day": start, "course_no": 1 + start // 100}


def _score(number: int, day: int, score: float) -> dict[str, Any]:
    return {
        "patient_no": number,
        "instrument": "phq9",
        "study_day": day,
        "score": score,
        "can_be_baseline": True,
        "can_be_outcome": True,
    }


def _registry(warehouse: Warehouse, patients: list[list[float | None]]) -> Query:
    """Build patients whose courses start with PHQ-9 of 20 and have these scores at week 4 of each course."""
    given: dict[str, list[dict[str, Any]]] = {
        "intermediate.int_cohort": [],
        "intermediate.int_session": [],
        "intermediate.int_score": [],
        "staging.stg_course": [],
    }
    for number, outcomes in enumerate(patients, start=1):
        given["intermediate.int_cohort"].append(_cohort(number))
        for start, outcome in zip(STARTS, outcomes, strict=False):
            given["staging.stg_course"].append(_course(number, start))
            given["intermediate.int_session"] += [_session(number, start, start), _session(number, start, start + 7)]
            given["intermediate.int_score"].append(_score(number, start, 20))
            if outcome is not None:
                given["intermediate.int_score"].append(_score(number, start + 28, outcome))
    return warehouse(given, "marts.response_by_course", "intermediate.int_course", "marts.response_rates")


def _cells(query: Query, estimand: str = "nri") -> dict[str, dict[str, Any]]:
    rows = query(
        f"""
        select * from marts.response_by_course
        where definition = 'response' and time_window = 'wk4' and indication = 'all' and estimand = '{estimand}'
        """
    )
    return {row["course"]: row for row in rows}


def test_each_course_counts_against_its_own_baseline(warehouse: Warehouse) -> None:
    found = _cells(_registry(warehouse, [[5, 15], [15, 8], [5]]))
    counts = {course: (row["numerator"], row["denominator"]) for course, row in found.items()}
    assert counts == {"1": (2, 3), "2": (1, 2), "all": (3, 5)}


def test_the_first_course_is_that_of_response_rates(warehouse: Warehouse) -> None:
    query = _registry(warehouse, [[5, 15], [15, 8], [None, 3, 3]])
    (patients,) = query(
        """
        select * from marts.response_rates where definition = 'response' and estimand = 'nri'
          and time_window = 'wk4' and indication = 'all' and dimension = 'overall'
        """
    )
    first = _cells(query)["1"]
    for column in ("numerator", "denominator", "rate", "ci_low", "ci_high", "ci_method", "coverage"):
        assert first[column] == patients[column]


@pytest.mark.slow
def test_the_third_course_and_later_ones_are_one_group(warehouse: Warehouse) -> None:
    found = _cells(_registry(warehouse, [[5, 5, 5, 15]]))["3_and_later"]
    assert (found["numerator"], found["denominator"], found["n_patients"]) == (1, 2, 1)
    assert found["ci_method"] == "wilson_cluster"


def test_a_course_that_was_not_seen_counts_for_nri_alone(warehouse: Warehouse) -> None:
    query = _registry(warehouse, [[5, None], [5, 5]])
    assert _cells(query)["2"]["rate"] == 0.5
    assert _cells(query, "observed")["2"]["rate"] == 1


def test_courses_of_maintenance_are_no_induction_courses_but_retreat(warehouse: Warehouse) -> None:
    query = warehouse(
        {
            "intermediate.int_cohort": [_cohort(1)],
            "intermediate.int_session": [
                _session(1, 0, 0),
                _session(1, 0, 7),
                _session(1, 50, 50, "maintenance"),
                _session(1, 200, 200),
            ],
            "staging.stg_course": [_course(1, 0), _course(1, 200)],
        },
        "intermediate.int_course",
    )
    rows = query(
        """
        select course_no, course_start_day, last_induction_day, retreatment_day from intermediate.int_course order by 1
        """
    )
    assert [tuple(row.values()) for row in rows] == [(1, 0, 7, 50), (2, 200, 200, None)]


def test_an_empty_registry_has_no_rows(warehouse: Warehouse) -> None:
    assert warehouse({}, "marts.response_by_course")("select * from marts.response_by_course") == []


def test_the_interval_over_courses_is_the_cluster_oracles(shared: Path, warehouse: Warehouse) -> None:
    """The oracle's patients and sessions stand for patients and courses: the sums are the same."""
    expected = json.loads((shared / "oracles" / "cluster_expected.json").read_text(encoding="utf-8"))
    with (shared / "oracles" / "cluster_inputs.csv").open(encoding="utf-8", newline="") as handle:
        patients = [(int(row["sessions"]), int(row["sessions_with_ae"])) for row in csv.DictReader(handle)]
    sums = {
        "indication": "all",
        "instrument": "phq9",
        "time_window": "wk4",
        "definition": "response",
        "estimand": "nri",
        "course": "all",
        "n_patients": len(patients),
        "n_courses": sum(m for m, _ in patients),
        "n_met": sum(y for _, y in patients),
        "n_eligible": sum(m for m, _ in patients),
        "n_observed": sum(m for m, _ in patients),
        "met_squares": sum(y * y for _, y in patients),
        "met_times_courses": sum(y * m for m, y in patients),
        "course_squares": sum(m * m for m, _ in patients),
    }
    query = warehouse({"intermediate.int_course_sums": [sums]}, "marts.response_by_course")
    (found,) = query("select rate, ci_low, ci_high, ci_method from marts.response_by_course")
    assert found["rate"] == pytest.approx(expected["p"], abs=1e-9)
    assert found["ci_low"] == pytest.approx(expected["wilson_neff_lo"], abs=1e-9)
    assert found["ci_high"] == pytest.approx(expected["wilson_neff_hi"], abs=1e-9)
    assert found["ci_method"] == "wilson_cluster"
