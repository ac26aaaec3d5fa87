"""Whose data count, which sessions are induction, and which course a patient is counted for."""

from typing import Any

import pytest

from tests.warehouse_harness import Warehouse

Rows = list[dict[str, Any]]
KEY = {"clinic_id": "C001", "patient_id": "p1"}


def _patient(cut: int = 100) -> Rows:
    return [{**KEY, "data_cut_day": cut}]


def _course(course_id: str, number: int, intent: str, start_day: int, dx_seq: int = 1) -> dict[str, Any]:
    return {
        **KEY,
        "course_id": course_id,
        "course_no": number,
        "intent": intent,
        "start_day": start_day,
        "target_dx_seq": dx_seq,
    }


def _session(course_id: str, number: int, day: int, route: str = "iv") -> dict[str, Any]:
    return {
        "clinic_id": "C001",
        "session_id": f"{course_id}-{number}",
        "course_id": course_id,
        "session_no": number,
        "study_day": day,
        "route": route,
        "ae_form_status": "complete",
    }


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], [{"data_cut_day": 100}]),
        (["registry_consent"], [{"data_cut_day": 100}]),
        (["registry_consent", "withdrawn_future"], [{"data_cut_day": 10}]),
        (["registry_consent", "withdrawn_future", "registry_consent"], [{"data_cut_day": 100}]),
        (["registry_consent", "withdrawn_delete"], []),
        (["withdrawn_delete", "offlabel_acknowledged"], []),
    ],
)
def test_the_latest_consent_state_decides(warehouse: Warehouse, events: list[str], expected: Rows) -> None:
    query = warehouse(
        {
            "staging.stg_patient": _patient(),
            "staging.stg_consent_event": [
                {**KEY, "seq": seq, "event": event, "study_day": seq * 10 - 9}
                for seq, event in enumerate(events, start=1)
            ],
        },
        "intermediate.int_consented_patient",
    )
    assert query("select data_cut_day from intermediate.int_consented_patient") == expected


def test_a_withdrawal_after_the_data_cut_does_not_move_it(warehouse: Warehouse) -> None:
    event = {**KEY, "seq": 1, "event": "withdrawn_future", "study_day": 500}
    query = warehouse(
        {"staging.stg_patient": _patient(), "staging.stg_consent_event": [event]}, "intermediate.int_consented_patient"
    )
    assert query("select data_cut_day from intermediate.int_consented_patient") == [{"data_cut_day": 100}]


def test_a_session_after_a_gap_of_more_than_14_days_is_maintenance_and_so_are_all_after_it(
    warehouse: Warehouse,
) -> None:
    days = [0, 3, 17, 32, 35]
    query = warehouse(
        {
            "staging.stg_patient": _patient(),
            "staging.stg_course": [_course("k1", 1, "induction", 0), _course("k2", 2, "maintenance", 40)],
            "staging.stg_session": [
                *(_session("k1", number, day) for number, day in enumerate(days, start=1)),
                _session("k2", 1, 40),
            ],
            "staging.stg_diagnosis": [{**KEY, "dx_seq": 1, "dx_code": "crps1"}],
        },
        "intermediate.int_session",
    )
    found = query("select study_day, phase_derived, indication_code from intermediate.int_session order by study_day")
    induction = [(day, "induction", "crps1") for day in (0, 3, 17)]
    maintenance = [(day, "maintenance", "crps1") for day in (32, 35, 40)]
    assert [tuple(row.values()) for row in found] == induction + maintenance


def test_sessions_after_the_data_cut_do_not_count(warehouse: Warehouse) -> None:
    query = warehouse(
        {
            "staging.stg_patient": _patient(cut=5),
            "staging.stg_course": [_course("k1", 1, "induction", 0)],
            "staging.stg_session": [_session("k1", 1, 0), _session("k1", 2, 5), _session("k1", 3, 6)],
        },
        "intermediate.int_session",
    )
    assert query("select study_day, indication_code from intermediate.int_session order by 1") == [
        {"study_day": 0, "indication_code": "unknown"},
        {"study_day": 5, "indication_code": "unknown"},
    ]


def test_a_patient_counts_for_the_first_induction_course_with_a_session(warehouse: Warehouse) -> None:
    query = warehouse(
        {
            "staging.stg_patient": _patient(cut=300),
            "staging.stg_course": [
                _course("k0", 1, "induction", 0),
                _course("k1", 2, "induction", 10, dx_seq=2),
                _course("k2", 3, "induction", 90),
            ],
            "staging.stg_session": [
                _session("k1", 1, 12, "im"),
                _session("k1", 2, 15),
                _session("k1", 3, 60),
                _session("k2", 1, 90),
            ],
            "staging.stg_diagnosis": [
                {**KEY, "dx_seq": 1, "dx_code": "mdd"},
                {**KEY, "dx_seq": 2, "dx_code": "cancer_pain"},
            ],
        },
        "intermediate.int_cohort",
    )
    assert query("select * from intermediate.int_cohort") == [
        {
            "patient_no": 1,
            **KEY,
            "course_id": "k1",
            "indication_code": "cancer_pain",
            "route_code": "im",
            "setting_code": "unknown",
            "place_code": "unknown",
            "hour_band": "unknown",
            "dose_band": "unknown",
            "course_start_day": 10,
            "last_induction_day": 15,
            "data_cut_day": 300,
        }
    ]


def test_a_patient_without_a_session_of_induction_is_not_in_the_cohort(warehouse: Warehouse) -> None:
    query = warehouse(
        {
            "staging.stg_patient": _patient(),
            "staging.stg_course": [_course("k1", 1, "maintenance", 0), _course("k2", 2, "induction", 20)],
            "staging.stg_session": [_session("k1", 1, 0)],
        },
        "intermediate.int_cohort",
    )
    assert query("select * from intermediate.int_cohort") == []
