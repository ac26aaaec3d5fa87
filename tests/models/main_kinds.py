"""Patients of given main kinds, as the relations that say so: each patient is a kind of patient alone."""

from collections.abc import Mapping
from typing import Any


def main_kinds(of_patients: Mapping[int, int]) -> dict[str, list[dict[str, Any]]]:
    """Return the kind of each patient, whose number is the patient's, and its main kind."""
    return {
        "intermediate.int_patient_kind": [{"patient_no": number, "patient_kind_no": number} for number in of_patients],
        "intermediate.int_main_kind": [
            {"patient_kind_no": number, "main_kind_no": main} for number, main in of_patients.items()
        ],
    }
