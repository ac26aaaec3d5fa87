"""Durability against the oracle, from assessments through every model to times, statuses and marts."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.warehouse_harness import Query, Warehouse

ESTIMANDS = {"A": "censored", "B": "composite", "C": "competing"}


@pytest.fixture
def micro(shared: Path, warehouse: Warehouse) -> Query:
    patients = pd.read_csv(shared / "oracles" / "dur_micro_patients.csv")
    scores = pd.read_csv(shared / "oracles" / "dur_micro_assessments.csv", dtype={"nrs": str})
    given: dict[str, list[dict[str, Any]]] = {
        "staging.stg_patient": [
            {"clinic_id": "C001", "patient_id": row.patient, "data_cut_day": int(row.data_cut_day)}
            for row in patients.itertuples()
        ],
        "staging.stg_course": [
            {
                "clinic_id": "C001",
                "course_id": f"k-{row.patient}",
                "patient_id": row.patient,
                "course_no": 1,
                "intent": "induction",
                "start_day": 0,
            }
            for row in patients.itertuples()
        ],
        "staging.stg_session": [
            {
                "clinic_id": "C001",
                "session_id": f"{row.patient}-{day}",
                "course_id": f"k-{row.patient}",
                "session_no": number,
                "study_day": int(day),
                "route": "iv",
                "ae_form_status": "complete",
            }
            for row in patients.itertuples()
            for number, day in enumerate((0, 7, row.last_induction_day, row.retreatment_day))
            if not pd.isna(day)
        ],
        "staging.stg_followup_contact": [
            {
                "clinic_id": "C001",
                "followup_id": f"f-{row.patient}",
                "patient_id": row.patient,
                "study_day": int(row.death_day),
                "vital_status": "dead",
            }
            for row in patients.itertuples()
            if not pd.isna(row.death_day)
        ],
        "staging.stg_outcome_assessment": [
            {
                "clinic_id": "C001",
                "assessment_id": f"o{row.Index}",
                "patient_id": row.patient,
                "instrument": "nrs_avg",
                "study_day": row.study_day,
                "timing_rel_dose": "none",
                "total": row.nrs,
            }
            for row in scores.itertuples()
        ],
    }
    return warehouse(given, "marts.durability_of_relief", "marts.durability_curves")


def test_times_statuses_and_intervals_equal_the_oracle(micro: Query, shared: Path) -> None:
    reasons = {
        "not in response at end of induction": "not_in_response",
        "no end-of-induction assessment within 14 d": "no_assessment",
    }
    found = micro(
        """
        select c.patient_id, p.* from intermediate.int_durability_patient as p
        inner join intermediate.int_cohort as c on p.patient_no = c.patient_no
        """
    )
    rows = {row["patient_id"]: row for row in found}
    expected = json.loads((shared / "oracles" / "dur_micro_expected.json").read_text())
    assert rows.keys() == {patient["patient"] for patient in expected}
    for patient in expected:
        row = rows[patient["patient"]]
        assert row["is_evaluable"] == patient["evaluable"]
        if not patient["evaluable"]:
            assert row["not_evaluable_reason"] == reasons[patient["reason"]]
            continue
        for name in ("loss_day", "loss_kind", "last_in_response_day", "retreatment_day", "death_day"):
            assert row[name] == patient[name], (patient["patient"], name)
        for letter, prefix in ESTIMANDS.items():
            assert [row[f"{prefix}_days"], row[f"{prefix}_status"]] == patient[letter], (patient["patient"], letter)
        assert [row["interval_low_days"], row["interval_high_days"]] == patient["interval"], patient["patient"]


def test_the_mart_counts_what_the_oracle_counts(micro: Query, shared: Path) -> None:
    expected = json.loads((shared / "oracles" / "dur_micro_expected.json").read_text())
    evaluable = [patient for patient in expected if patient["evaluable"]]
    events = {
        estimand: sum(patient[letter][1] == 1 for patient in evaluable)
        for letter, estimand in (("A", "censor_at_retreatment"), ("B", "composite"), ("C", "competing"))
    }
    rows = micro(
        "select estimand, numerator, denominator, n_treated, n_assessed from marts.durability_of_relief"
        " where indication = 'all' and dimension = 'overall'"
    )
    assert {row["estimand"]: row["numerator"] for row in rows} == events
    assert {(row["denominator"], row["n_treated"], row["n_assessed"]) for row in rows} == {(len(evaluable), 9, 8)}
