"""What is current, and what an absent parent does to its children."""

from typing import Any

import pytest

from tests.warehouse_harness import Project, Warehouse


def _row(delivery: int, line: int, **cells: Any) -> dict[str, Any]:
    return {"clinic_id": "C001", "delivery_id": f"d{delivery}", "delivery_order": delivery, "line": line, **cells}


PATIENT = _row(1, 2, patient_id="p1", data_cut_day=90)
COURSE = _row(1, 2, course_id="k1", patient_id="p1", start_day=0)


def test_the_latest_delivery_wins_and_within_it_the_latest_line(warehouse: Warehouse) -> None:
    query = warehouse(
        {
            "lake.clinic": [{"clinic_id": "C001"}],
            "lake.patient": [
                _row(1, 2, patient_id="p1", sex="female"),
                _row(3, 2, patient_id="p1", sex="male"),
                _row(3, 9, patient_id="p1", sex="unknown"),
                _row(2, 5, patient_id="p1", sex="intersex"),
            ],
        },
        "staging.cur_patient",
    )
    assert query("select delivery_id, line, sex, refused_by from staging.cur_patient") == [
        {"delivery_id": "d3", "line": 9, "sex": "unknown", "refused_by": None}
    ]


def test_the_same_key_of_two_clinics_is_two_rows(warehouse: Warehouse) -> None:
    other = {**PATIENT, "clinic_id": "C002", "delivery_id": "d2", "delivery_order": 2}
    query = warehouse(
        {"lake.clinic": [{"clinic_id": "C001"}, {"clinic_id": "C002"}], "lake.patient": [PATIENT, other]},
        "staging.stg_patient",
    )
    assert query("select count(*) as n from staging.stg_patient") == [{"n": 2}]


def test_children_of_a_refused_row_are_refused_down_the_chain(warehouse: Warehouse) -> None:
    orphan = _row(1, 3, course_id="k2", patient_id="nobody", start_day=0)
    query = warehouse(
        {
            "lake.clinic": [{"clinic_id": "C001"}],
            "lake.patient": [PATIENT],
            "lake.course": [COURSE, orphan],
            "lake.session": [_row(1, 2, session_id="s1", course_id="k1"), _row(1, 3, session_id="s2", course_id="k2")],
            "lake.adverse_event": [_row(1, 2, ae_id="a1", session_id="s2"), _row(1, 3, ae_id="a2", session_id="s1")],
            "lake.delivery": [{"clinic_id": "C001", "delivery_id": "d1"}],
        },
        "quality.cross_table_findings",
        "quality.delivery_adjustments",
        "staging.stg_adverse_event",
    )
    assert query("select * from quality.cross_table_findings order by table_name") == [
        {
            "clinic_id": "C001",
            "delivery_id": "d1",
            "table_name": table,
            "line": line,
            "column_name": column,
            "rule_id": f"{table}.{column}_orphan",
            "severity": "reject",
        }
        for table, line, column in [
            ("adverse_event", 2, "session_id"),
            ("course", 3, "patient_id"),
            ("session", 3, "course_id"),
        ]
    ]
    assert query("select * from quality.delivery_adjustments") == [
        {"clinic_id": "C001", "delivery_id": "d1", "n_cross_table_refused": 3, "n_current": 7}
    ]
    assert query("select ae_id from staging.stg_adverse_event") == [{"ae_id": "a2"}]


def test_an_empty_foreign_key_is_no_orphan(warehouse: Warehouse) -> None:
    query = warehouse(
        {
            "lake.clinic": [{"clinic_id": "C001"}],
            "lake.patient": [PATIENT],
            "lake.outcome_assessment": [_row(1, 2, assessment_id="a1", patient_id="p1", course_id=None)],
        },
        "staging.cur_outcome_assessment",
    )
    assert query("select refused_by from staging.cur_outcome_assessment") == [{"refused_by": None}]


def test_a_parent_of_another_clinic_is_no_parent(warehouse: Warehouse) -> None:
    foreign = {**COURSE, "clinic_id": "C002"}
    query = warehouse(
        {
            "lake.clinic": [{"clinic_id": "C001"}, {"clinic_id": "C002"}],
            "lake.patient": [PATIENT],
            "lake.course": [foreign],
        },
        "staging.cur_course",
    )
    assert query("select refused_by from staging.cur_course") == [{"refused_by": "course.patient_id_orphan"}]


def test_a_delivery_without_current_rows_is_counted_as_having_none(warehouse: Warehouse) -> None:
    ledger = [{"clinic_id": "C001", "delivery_id": "d9"}]
    query = warehouse({"lake.delivery": ledger}, "quality.delivery_adjustments")
    assert query("select * from quality.delivery_adjustments") == [
        {"clinic_id": "C001", "delivery_id": "d9", "n_cross_table_refused": 0, "n_current": 0}
    ]


def test_the_same_bytes_of_two_clinics_are_two_deliveries(warehouse: Warehouse) -> None:
    ledger = [{"clinic_id": clinic, "delivery_id": "d1"} for clinic in ("C001", "C002")]
    query = warehouse({"lake.delivery": ledger, "lake.patient": [PATIENT]}, "quality.delivery_adjustments")
    assert query("select clinic_id, n_current from quality.delivery_adjustments order by clinic_id") == [
        {"clinic_id": "C001", "n_current": 1},
        {"clinic_id": "C002", "n_current": 0},
    ]


def test_the_clinic_table_is_the_feeds_clinics(warehouse: Warehouse) -> None:
    query = warehouse({"lake.clinic": [{"clinic_id": "C001", "clinic_type": "pain"}]}, "staging.stg_clinic")
    assert query("select clinic_id, clinic_type from staging.stg_clinic") == [
        {"clinic_id": "C001", "clinic_type": "pain"}
    ]


@pytest.mark.parametrize("layer", ["cur", "stg"])
def test_staging_columns_carry_the_contracts_words(project: Project, layer: str) -> None:
    model = project.models[f"staging.{layer}_session"]
    assert model.description
    assert all(column.description for column in model.columns)
    assert model.grain


def test_no_row_of_a_patient_who_withdrew_with_deletion_gets_into_staging(warehouse: Warehouse) -> None:
    keep, drop = ({**PATIENT, "patient_id": name, "line": line} for line, name in [(2, "p1"), (3, "p2")])
    events = [
        _row(1, 2, patient_id="p2", seq=1, event="registry_consent", study_day=0),
        _row(1, 3, patient_id="p2", seq=2, event="withdrawn_delete", study_day=9),
        _row(1, 4, patient_id="p1", seq=1, event="withdrawn_delete", study_day=1),
        _row(1, 5, patient_id="p1", seq=2, event="registry_consent", study_day=5),
    ]
    both = [("p1", "1", 2), ("p2", "2", 3)]
    query = warehouse(
        {
            "lake.clinic": [{"clinic_id": "C001"}],
            "lake.patient": [keep, drop],
            "lake.consent_event": events,
            "lake.course": [_row(1, line, course_id=f"k{n}", patient_id=p, start_day=0) for p, n, line in both],
            "lake.session": [_row(1, line, session_id=f"s{n}", course_id=f"k{n}") for _, n, line in both],
            "lake.followup_contact": [_row(1, line, followup_id=f"f{n}", patient_id=p) for p, n, line in both],
            "lake.adverse_event": [
                *(_row(1, line, ae_id=f"a{n}", session_id=f"s{n}") for _, n, line in both),
                *(_row(1, line + 9, ae_id=f"b{n}", followup_id=f"f{n}") for _, n, line in both),
            ],
        },
        *(f"staging.stg_{name}" for name in ("patient", "consent_event", "course", "session", "adverse_event")),
    )
    assert query("select patient_id from staging.stg_patient") == [{"patient_id": "p1"}]
    assert query("select distinct patient_id from staging.stg_consent_event") == [{"patient_id": "p1"}]
    assert query("select course_id from staging.stg_course") == [{"course_id": "k1"}]
    assert query("select session_id from staging.stg_session") == [{"session_id": "s1"}]
    assert query("select ae_id from staging.stg_adverse_event order by 1") == [{"ae_id": "a1"}, {"ae_id": "b1"}]
