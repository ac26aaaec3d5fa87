"""How many clinics a stratum rests on: of patients and of sessions, of all instruments and of each."""

from tests.warehouse_harness import Warehouse

CLINICS = "intermediate.int_stratum_clinics"


def kind(number: int, clinic: str, setting: str) -> dict[str, object]:
    return {"patient_kind_no": number, "clinic_id": clinic, "setting_code": setting}


def test_a_stratum_rests_on_the_clinics_of_its_patients_and_of_its_sessions(warehouse: Warehouse) -> None:
    kinds = [kind(1, "C001", "clinic"), kind(2, "C002", "clinic"), kind(3, "C002", "hospital")]
    patients = [kinds[0]] * 6 + [kinds[1]] * 3 + [kinds[2]]
    placed = [(1, "overall", "all"), (1, "setting", "clinic"), (1, "clinic", "C001")]
    placed += [(2, "overall", "all"), (2, "setting", "clinic"), (2, "clinic", "C002")]
    placed += [(3, "overall", "all"), (3, "setting", "hospital"), (3, "clinic", "C002")]
    query = warehouse(
        {
            "intermediate.int_patient_kind": [{"patient_no": n, **row} for n, row in enumerate(patients)],
            "intermediate.int_patient_stratum": [
                {"patient_kind_no": number, "indication": "all", "dimension": dimension, "level": level}
                for number, dimension, level in placed
            ],
            "intermediate.int_response_counts": [
                {"patient_kind_no": 1, "instrument": "phq9", "time_window": "wk4", "n_eligible": 2},
                {"patient_kind_no": 1, "instrument": "phq9", "time_window": "wk8", "n_eligible": 1},
                {"patient_kind_no": 3, "instrument": "phq9", "time_window": "wk4", "n_eligible": 1},
            ],
            "intermediate.int_session": [
                *[{"session_kind_no": 1, "clinic_id": "C001"}] * 9,
                {"session_kind_no": 1, "clinic_id": "C003"},
            ],
            "intermediate.int_session_stratum": [{"session_kind_no": 1, "dimension": "overall", "level": "all"}],
        },
        CLINICS,
    )
    rows = query(f"select dimension, level, instrument, n_clinics, largest_share from {CLINICS} order by all")
    assert [tuple(row.values()) for row in rows] == [
        ("overall", "all", "all", 2, 0.9),
        ("overall", "all", "phq9", 2, 2 / 3),
        ("setting", "clinic", "all", 2, 6 / 9),
        ("setting", "clinic", "phq9", 1, 1.0),
        ("setting", "hospital", "all", 1, 1.0),
        ("setting", "hospital", "phq9", 1, 1.0),
    ]
