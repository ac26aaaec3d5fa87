"""Patients with known times in response, as the relations that the durability marts are built from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Patient:
    """A patient in response at the end of induction, with the same time under every reading of retreatment."""

    time: int
    status: int
    """0 censored, 1 loss of response, 2 retreatment, 3 death; the last two only where they compete."""
    instrument: str = "nrs_avg"
    route_code: str = "iv"
    indication_code: str = "crps"
    clinic_id: str = "C001"
    interval: tuple[int, int | None] | None = None


def tables_of(patients: Sequence[Patient]) -> dict[str, list[dict[str, Any]]]:
    """Return what the marts need, with a patient per row."""
    return {
        "intermediate.int_cohort": [
            {
                "patient_no": number,
                "clinic_id": patient.clinic_id,
                "indication_code": patient.indication_code,
                "route_code": patient.route_code,
            }
            for number, patient in enumerate(patients)
        ],
        "intermediate.int_durability_patient": [_row(number, patient) for number, patient in enumerate(patients)],
    }


def _row(number: int, patient: Patient) -> dict[str, Any]:
    low, high = patient.interval or (patient.time - 1, patient.time if patient.status == 1 else None)
    return {
        "patient_no": number,
        "instrument": patient.instrument,
        "is_assessed": True,
        "is_evaluable": True,
        "interval_low_days": low,
        "interval_high_days": high,
        "censored_days": patient.time,
        "censored_status": int(patient.status == 1),
        "composite_days": patient.time,
        "composite_status": int(patient.status == 1),
        "competing_days": patient.time,
        "competing_status": patient.status,
    }
