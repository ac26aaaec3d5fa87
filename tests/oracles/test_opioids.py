"""Morphine equivalents against the oracle, from opioid doses to the patient-day."""

import json
from pathlib import Path

import pytest

from tests.warehouse_harness import Warehouse


def test_patient_days_are_those_of_the_oracle(warehouse: Warehouse, shared: Path) -> None:
    oracle = json.loads((shared / "oracles" / "mme_expected.json").read_text())
    doses = [
        {
            "clinic_id": "C001",
            "patient_id": patient,
            "study_day": 0,
            "opioid": opioid,
            "daily_dose": dose,
            "unit": unit,
        }
        for patient, opioid, dose, unit in oracle["inputs"]
    ]
    people = [
        {"patient_no": number, "clinic_id": "C001", "patient_id": patient, "data_cut_day": 0}
        for number, patient in enumerate(oracle["expected"])
    ]
    given = {"staging.stg_opioid_day": doses, "intermediate.int_consented_patient": people}
    rows = warehouse(given, "intermediate.int_opioid_mme")(
        """
        select p.patient_id, m.mme_per_day
        from intermediate.int_opioid_mme as m
        inner join intermediate.int_consented_patient as p on m.patient_no = p.patient_no
        """
    )
    found = {row["patient_id"]: None if row["mme_per_day"] is None else float(row["mme_per_day"]) for row in rows}
    expected = {patient: cells["mme"] for patient, cells in oracle["expected"].items()}
    assert found == pytest.approx(expected, abs=1e-9)
