"""The worked response oracle through the models that production uses: fourteen patients, PHQ-9 at week 4."""

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse_harness import Query, Warehouse

WINDOW_FLAGS = {
    "oc_day": "window_day",
    "oc_score": "window_score",
    "tie_averaged": "is_averaged",
    "resp_oc": "is_response",
    "remission_oc": "is_remission",
    "deteriorated_oc": "is_deterioration",
}


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _assessment(row: dict[str, str]) -> dict[str, Any]:
    return {
        "clinic_id": "C001",
        "assessment_id": f"{row['patient']}-{row['seq']}",
        "patient_id": row["patient"],
        "instrument": "phq9",
        "study_day": int(row["study_day"]),
        "timing_rel_dose": row["timing"],
        "total": Decimal(row["total"]) if row["total"] else None,
        "n_items_answered": int(row["items_answered"]),
        "items_sum": Decimal(row["items_sum"]),
    }


@pytest.fixture(scope="module")
def expected(shared: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared / "oracles" / "resp_micro_expected.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture
def registry(shared: Path, warehouse: Warehouse) -> Query:
    """Return the oracle's patients, each with one course that starts on day 0 with one session."""
    oracles = shared / "oracles"
    patients = _read(oracles / "resp_micro_patients.csv")
    clinic = {"clinic_id": "C001"}
    return warehouse(
        {
            "staging.stg_patient": [{**clinic, "patient_id": row["patient"], "data_cut_day": 400} for row in patients],
            "staging.stg_consent_event": [
                {**clinic, "patient_id": row["patient"], "seq": 1, "event": "withdrawn_delete", "study_day": 40}
                for row in patients
                if row["consent_status"] == "withdrawn"
            ],
            "staging.stg_diagnosis": [
                {**clinic, "patient_id": row["patient"], "dx_seq": 1, "dx_code": "mdd"} for row in patients
            ],
            "staging.stg_course": [
                {
                    **clinic,
                    "course_id": f"k-{row['patient']}",
                    "patient_id": row["patient"],
                    "course_no": 1,
                    "intent": "induction",
                    "target_dx_seq": 1,
                    "start_day": 0,
                }
                for row in patients
            ],
            "staging.stg_session": [
                {
                    **clinic,
                    "session_id": f"s-{row['patient']}",
                    "course_id": f"k-{row['patient']}",
                    "session_no": 1,
                    "study_day": 0,
                    "route": "iv",
                    "ae_form_status": "complete",
                }
                for row in patients
            ],
            "staging.stg_outcome_assessment": [
                _assessment(row) for row in _read(oracles / "resp_micro_assessments.csv")
            ],
        },
        "marts.response_rates",
        "intermediate.int_baseline",
        "intermediate.int_window_score",
        "intermediate.int_response",
    )


@pytest.mark.parametrize("definition", ["response", "remission", "deterioration"])
def test_counts_of_every_estimand_are_the_oracles(registry: Query, expected: dict[str, Any], definition: str) -> None:
    found = {
        row["estimand"]: row
        for row in registry(
            f"""
            select * from marts.response_rates
            where indication = 'all' and dimension = 'overall' and time_window = 'wk4' and definition = '{definition}'
            """
        )
    }
    for estimand, numbers in expected[definition].items():
        assert (found[estimand]["numerator"], found[estimand]["denominator"]) == (numbers["x"], numbers["n"])
        assert found[estimand]["rate"] == pytest.approx(numbers["p"], abs=1e-12)
        assert found[estimand]["ci_method"] == "clopper_pearson"
        assert found[estimand]["coverage"] == expected["coverage"]


def _by_patient(registry: Query, relation: str, where: str = "true") -> dict[str, dict[str, Any]]:
    rows = registry(
        f"""
        select p.patient_id, r.* from intermediate.{relation} as r
        inner join intermediate.int_consented_patient as p on r.patient_no = p.patient_no
        where {where}
        """
    )
    return {row["patient_id"]: row for row in rows}


def test_every_patients_flags_are_the_oracles(registry: Query, expected: dict[str, Any]) -> None:
    baselines = _by_patient(registry, "int_baseline")
    scores = _by_patient(registry, "int_window_score", "time_window = 'wk4'")
    responses = _by_patient(registry, "int_response", "time_window = 'wk4' and is_mature")
    assert responses.keys() == {row["patient"] for row in expected["patients"] if row["eligible"]}
    for patient in expected["patients"]:
        name = patient["patient"]
        baseline, score = baselines.get(name, {}), scores.get(name, {})
        response = responses.get(name, {})
        found = {**score, **response}
        assert baseline.get("baseline_score") == patient["baseline"], name
        assert baseline.get("is_eligible", False) == patient["eligible"], name
        for flag, column in WINDOW_FLAGS.items():
            assert found.get(column, False if flag == "tie_averaged" else None) == patient[flag], (name, flag)
        if response:
            assert response["carried_score"] == Decimal(str(patient["locf_score"])), name
            assert response["is_response_carried"] == patient["resp_locf"], name
            assert (response["is_response"] or False) == patient["resp_nri"], name


def test_a_patient_who_withdrew_with_deletion_is_nowhere(registry: Query) -> None:
    for relation in ("int_consented_patient", "int_cohort"):
        assert registry(f"select * from intermediate.{relation} where patient_id = 'P12'") == []
    for relation in ("int_session", "int_score", "int_baseline", "int_response"):
        assert "P12" not in _by_patient(registry, relation)
