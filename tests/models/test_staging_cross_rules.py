"""What rules that span tables refuse: a small clinic in which all is well, one thing changed, and what becomes of it."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import starmap
from typing import Any

import pytest

from tests.warehouse_harness import Project, Warehouse

Cells = dict[str, Any]
Changes = dict[str, Cells | None]

CLINIC: dict[str, dict[str, Cells]] = {
    "patient": {"pat": {"patient_id": "p1", "weight_kg": Decimal(70), "data_cut_day": 100}},
    "diagnosis": {"dx": {"patient_id": "p1", "dx_seq": 1}},
    "consent_event": {"consent": {"patient_id": "p1", "seq": 1, "event": "registry_consent", "study_day": -1}},
    "course": {
        "course": {
            "course_id": "k1",
            "patient_id": "p1",
            "course_no": 1,
            "target_dx_seq": 1,
            "start_day": 0,
            "end_day": 30,
        }
    },
    "screening_item": {"screening": {"course_id": "k1", "item": "psychosis", "result": "absent"}},
    "session": {
        "first": {
            "session_id": "s1",
            "course_id": "k1",
            "session_no": 1,
            "study_day": 0,
            "dose_mg": Decimal(35),
            "dose_mg_per_kg": Decimal("0.5"),
            "ae_form_status": "complete",
        },
        "second": {
            "session_id": "s2",
            "course_id": "k1",
            "session_no": 2,
            "study_day": 7,
            "ae_form_status": "complete",
        },
    },
    "session_vital": {
        "sbp": {"session_id": "s1", "phase": "pre", "param": "sbp", "minute": 0, "value": Decimal(120)},
        "dbp": {"session_id": "s1", "phase": "pre", "param": "dbp", "minute": 0, "value": Decimal(80)},
        "hr": {"session_id": "s1", "phase": "pre", "param": "hr", "minute": 0, "value": Decimal(70)},
    },
    "session_comed": {"comed": {"session_id": "s1", "drug_class": "antiemetic", "timing": "pre"}},
    "followup_contact": {
        "contact": {
            "followup_id": "f1",
            "patient_id": "p1",
            "study_day": 60,
            "vital_status": "alive",
            "ae_form_status": "complete",
        }
    },
    "adverse_event": {
        "event": {"ae_id": "e1", "session_id": "s1", "onset_day": 0},
        "late_event": {"ae_id": "e2", "followup_id": "f1", "onset_day": 50},
    },
    "outcome_assessment": {
        "gad7": {
            "assessment_id": "a1",
            "patient_id": "p1",
            "course_id": "k1",
            "instrument": "gad7",
            "study_day": 14,
            "total": Decimal(7),
            "n_items_answered": 7,
            "items_sum": Decimal(7),
        },
        "madrs": {
            "assessment_id": "a2",
            "patient_id": "p1",
            "instrument": "madrs",
            "study_day": 14,
            "total": Decimal(20),
            "n_items_answered": 10,
        },
    },
    "outcome_item": {
        f"item_{number}": {"assessment_id": "a1", "item_no": number, "value": Decimal(1)} for number in range(1, 8)
    },
    "conmed": {"med": {"patient_id": "p1", "class": "ssri", "start_day": None}},
    "opioid_day": {"opioid": {"patient_id": "p1", "study_day": 40, "opioid": "morphine"}},
    "co_therapy": {"therapy": {"patient_id": "p1", "kind": "psychotherapy", "start_day": 0}},
}
GONE = None


@dataclass
class Clinic:
    """The small clinic with some rows changed, and what the warehouse made of it."""

    clinic_id: str
    rows: dict[str, dict[str, Cells]]
    found: dict[str, set[str]]
    """`row rule` of each finding, by severity."""
    adjustments: dict[str, int] = field(default_factory=dict)

    @property
    def names(self) -> dict[tuple[str, int], str]:
        """Return the name of the row of each table and line."""
        return {(table, line): name for table, known in self.rows.items() for line, name in enumerate(known, start=2)}

    def lake(self) -> dict[str, list[Cells]]:
        own = {"clinic_id": self.clinic_id, "delivery_id": self.clinic_id, "delivery_order": int(self.clinic_id[1:])}
        return {
            "lake.clinic": [{"clinic_id": self.clinic_id}],
            "lake.delivery": [{"clinic_id": self.clinic_id, "delivery_id": self.clinic_id}],
        } | {
            f"lake.{table}": [{**own, "line": line, **cells} for line, cells in enumerate(known.values(), start=2)]
            for table, known in self.rows.items()
        }


Judged = Callable[[Changes], Clinic]


def changed(number: int, changes: Changes) -> Clinic:
    rows = deepcopy(CLINIC)
    for name, cells in changes.items():
        table = next((table for table, known in rows.items() if name in known), name.partition(":")[0])
        if cells is GONE:
            del rows[table][name]
        else:
            rows[table][name] = rows[table].get(name, {}) | cells
    return Clinic(f"C{number:03}", rows, {"reject": set(), "warn": set()})


@pytest.fixture(scope="module")
def judged(project: Project) -> Judged:
    """Return the clinic with some changes; all of them are judged in one build, where none may disturb another."""
    cases: list[Changes] = [{}, GAP, *(changes for changes, _ in REFUSED + WARNED)]
    clinics = {clinic.clinic_id: clinic for clinic in starmap(changed, enumerate(cases, start=1))}
    lake: dict[str, list[Cells]] = {}
    for clinic in clinics.values():
        for name, rows in clinic.lake().items():
            lake.setdefault(name, []).extend(rows)
    query = project.build(lake, ["quality.cross_table_findings", "quality.delivery_adjustments"])
    for row in query("select * from quality.cross_table_findings"):
        clinic = clinics[row["clinic_id"]]
        clinic.found[row["severity"]].add(f"{clinic.names[row['table_name'], row['line']]} {row['rule_id']}")
    for row in query("select delivery_id, n_cross_table_refused, n_current from quality.delivery_adjustments"):
        clinics[row.pop("delivery_id")].adjustments = row
    return lambda changes: list(clinics.values())[cases.index(changes)]


def test_nothing_is_found_where_all_is_well(judged: Judged) -> None:
    clinic = judged({})
    assert clinic.found == {"reject": set(), "warn": set()}
    assert clinic.adjustments == {"n_cross_table_refused": 0, "n_current": len(clinic.names)}


DEAD = {"followup_id": "f2", "patient_id": "p1", "study_day": 70, "vital_status": "dead"}
CHILDREN_OF_PATIENT = {
    f"{row} {table}.{column}_orphan"
    for table, column in {
        "diagnosis": "patient_id",
        "consent_event": "patient_id",
        "course": "patient_id",
        "screening_item": "course_id",
        "session": "course_id",
        "session_vital": "session_id",
        "session_comed": "session_id",
        "followup_contact": "patient_id",
        "outcome_assessment": "patient_id",
        "outcome_item": "assessment_id",
        "conmed": "patient_id",
        "opioid_day": "patient_id",
        "co_therapy": "patient_id",
    }.items()
    for row in CLINIC[table]
} | {"event adverse_event.session_id_orphan", "late_event adverse_event.followup_id_orphan"}

REFUSED: list[tuple[Changes, set[str]]] = [
    # A session lies within its course.
    ({"second": {"study_day": 31}}, {"second session.study_day_in_course"}),
    ({"second": {"study_day": 30}}, set()),
    ({"second": {"study_day": 31}, "course": {"end_day": None}}, set()),
    (
        {"course": {"start_day": 1}},
        {
            "first session.study_day_in_course",
            *(f"{row} session_vital.session_id_orphan" for row in ("sbp", "dbp", "hr")),
            "comed session_comed.session_id_orphan",
            "event adverse_event.session_id_orphan",
        },
    ),
    # The dose fits the weight, within 5 % or 1 mg.
    (
        {"second": {"dose_mg": Decimal("36.85"), "dose_mg_per_kg": Decimal("0.5")}},
        {"second session.dose_mg_matches_weight"},
    ),
    ({"second": {"dose_mg": Decimal("36.84"), "dose_mg_per_kg": Decimal("0.5")}}, set()),
    ({"second": {"dose_mg": Decimal("8.00"), "dose_mg_per_kg": Decimal("0.1")}}, set()),
    (
        {"second": {"dose_mg": Decimal("8.01"), "dose_mg_per_kg": Decimal("0.1")}},
        {"second session.dose_mg_matches_weight"},
    ),
    ({"second": {"dose_mg": Decimal(99), "dose_mg_per_kg": Decimal("0.5")}, "pat": {"weight_kg": None}}, set()),
    # Nothing is given after a withdrawal, unless the patient agreed again.
    (
        {"consent_event:out": {"patient_id": "p1", "seq": 2, "event": "withdrawn_future", "study_day": 6}},
        {"second session.study_day_by_withdrawal"},
    ),
    ({"consent_event:out": {"patient_id": "p1", "seq": 2, "event": "withdrawn_future", "study_day": 7}}, set()),
    (
        {
            "consent_event:out": {"patient_id": "p1", "seq": 2, "event": "withdrawn_future", "study_day": 6},
            "consent_event:in": {"patient_id": "p1", "seq": 3, "event": "registry_consent", "study_day": 6},
        },
        set(),
    ),
    # The study days of a patient count from the first session.
    ({"first": {"study_day": 1}}, {"pat patient.first_session_day_0", *CHILDREN_OF_PATIENT}),
    ({"first": {"session_no": 2, "study_day": 1}, "event": {"onset_day": 1}}, set()),
    ({"first": {"session_no": 2}, "second": {"session_no": 1}}, set()),
    # Nothing follows a death, and nothing is later than the data cut.
    (
        {"followup_contact:dead": DEAD, "pat": {"data_cut_day": 200}, "contact": {"study_day": 71}},
        {
            "contact followup_contact.vital_status_stays_dead",
            "late_event adverse_event.followup_id_orphan",
        },
    ),
    ({"followup_contact:dead": DEAD, "contact": {"study_day": 71, "vital_status": "dead"}}, set()),
    (
        {
            "followup_contact:dead": DEAD | {"study_day": 10},
            "contact": {"vital_status": "unknown"},
            "second": {"study_day": 11},
            "event": {"onset_day": 11},
        },
        {
            "second session.study_day_by_death",
            "event adverse_event.onset_day_by_death",
            "late_event adverse_event.onset_day_by_death",
            "gad7 outcome_assessment.study_day_by_death",
            "madrs outcome_assessment.study_day_by_death",
            *(f"item_{number} outcome_item.assessment_id_orphan" for number in range(1, 8)),
            "opioid opioid_day.study_day_by_death",
        },
    ),
    (
        {"pat": {"data_cut_day": 13}, "second": {"study_day": 14}},
        {
            "second session.study_day_by_data_cut",
            "gad7 outcome_assessment.study_day_by_data_cut",
            "madrs outcome_assessment.study_day_by_data_cut",
            *(f"item_{number} outcome_item.assessment_id_orphan" for number in range(1, 8)),
            "contact followup_contact.study_day_by_data_cut",
            "late_event adverse_event.followup_id_orphan",
            "opioid opioid_day.study_day_by_data_cut",
        },
    ),
    ({"event": {"onset_day": 101}}, {"event adverse_event.onset_day_by_data_cut"}),
    ({"late_event": {"onset_day": 101}}, {"late_event adverse_event.onset_day_by_data_cut"}),
    # An event does not begin before its session.
    ({"event": {"session_id": "s2", "onset_day": 6}}, {"event adverse_event.onset_day_from_session"}),
    ({"event": {"session_id": "s2", "onset_day": 7}}, set()),
    # The systolic pressure is the higher one; nobody knows which of two is wrong.
    (
        {"sbp": {"value": Decimal(80)}},
        {"sbp session_vital.value_sbp_above_dbp", "dbp session_vital.value_sbp_above_dbp"},
    ),
    ({"sbp": {"value": Decimal(80), "minute": 5}}, set()),
    # Single answers are of some instruments, and in their range.
    ({"item_7": {"assessment_id": "a2"}}, {"item_7 outcome_item.instrument_allowed"}),
    ({"item_7": {"item_no": 8}}, {"item_7 outcome_item.item_no_in_instrument"}),
    (
        {"item_7": {"value": Decimal(4)}, "gad7": {"total": Decimal(10), "items_sum": Decimal(10)}},
        {"item_7 outcome_item.value_in_instrument"},
    ),
    # The total is the sum of the answers, or that sum in proportion.
    (
        {"gad7": {"total": Decimal(8)}},
        {
            "gad7 outcome_assessment.total_matches_items",
            *(f"item_{number} outcome_item.assessment_id_orphan" for number in range(1, 8)),
        },
    ),
    ({"gad7": {"total": None}}, set()),
    (
        {"gad7": {"items_sum": Decimal(6)}},
        {
            "gad7 outcome_assessment.items_sum_matches_items",
            *(f"item_{number} outcome_item.assessment_id_orphan" for number in range(1, 8)),
        },
    ),
    ({"gad7": {"n_items_answered": 6, "items_sum": Decimal(6)}, "item_7": GONE}, set()),
    (
        {"gad7": {"n_items_answered": 6, "items_sum": Decimal(6), "total": Decimal(6)}, "item_7": GONE},
        {
            "gad7 outcome_assessment.total_matches_items",
            *(f"item_{number} outcome_item.assessment_id_orphan" for number in range(1, 7)),
        },
    ),
    (
        {"gad7": {"n_items_answered": 5, "items_sum": Decimal(5)}, "item_6": GONE, "item_7": GONE},
        {
            "gad7 outcome_assessment.total_matches_items",
            *(f"item_{number} outcome_item.assessment_id_orphan" for number in range(1, 6)),
        },
    ),
    (
        {"gad7": {"n_items_answered": 5, "items_sum": Decimal(5), "total": None}, "item_6": GONE, "item_7": GONE},
        set(),
    ),
    # An answer that was refused at the door does not take the assessment along.
    ({"item_7": GONE}, set()),
    ({f"item_{number}": GONE for number in range(1, 8)} | {"gad7": {"total": Decimal(12)}}, set()),
    # A course aims at a diagnosis of its own patient.
    (
        {"course": {"target_dx_seq": 2}, "diagnosis:other": {"patient_id": "p2", "dx_seq": 2}},
        {
            "diagnosis:other diagnosis.patient_id_orphan",
            "course course.target_dx_seq_orphan",
            "screening screening_item.course_id_orphan",
            *(f"{row} session.course_id_orphan" for row in CLINIC["session"]),
            *(f"{row} session_vital.session_id_orphan" for row in CLINIC["session_vital"]),
            "comed session_comed.session_id_orphan",
            "event adverse_event.session_id_orphan",
            "gad7 outcome_assessment.course_id_orphan",
            *(f"{row} outcome_item.assessment_id_orphan" for row in CLINIC["outcome_item"]),
        },
    ),
]


@pytest.mark.parametrize(("changes", "refused"), REFUSED)
def test_the_row_that_is_wrong_is_refused_with_what_hangs_on_it_and_nothing_else(
    judged: Judged, changes: Changes, refused: set[str]
) -> None:
    clinic = judged(changes)
    assert clinic.found["reject"] == refused
    assert clinic.adjustments == {"n_cross_table_refused": len(refused), "n_current": len(clinic.names)}


WARNED: list[tuple[Changes, set[str]]] = [
    (
        {"first": {"session_no": 2, "study_day": 1}, "second": {"session_no": 3}, "event": {"onset_day": 1}},
        {"pat patient.first_session_accepted", "second session.session_no_gapless"},
    ),
    ({"course": {"course_no": 2}}, {"course course.course_no_gapless"}),
    ({"second": {"session_no": 3}}, {"second session.session_no_gapless"}),
    ({"first": {"ae_form_status": "not_done"}}, {"first session.ae_form_status_fits_events"}),
    ({"contact": {"ae_form_status": "not_done"}}, {"contact followup_contact.ae_form_status_fits_events"}),
    # A form that is complete without events is a zero, and one that nobody filled in has none.
    ({"event": GONE}, set()),
    ({"event": GONE, "first": {"ae_form_status": "not_done"}}, set()),
]


@pytest.mark.parametrize(("changes", "warned"), WARNED)
def test_a_warning_is_seen_and_refuses_nothing(judged: Judged, changes: Changes, warned: set[str]) -> None:
    clinic = judged(changes)
    assert clinic.found == {"reject": set(), "warn": warned}
    assert clinic.adjustments == {"n_cross_table_refused": 0, "n_current": len(clinic.names)}


GAP: Changes = {
    "second": {"study_day": 31},
    "session:third": {"session_id": "s3", "course_id": "k1", "session_no": 3, "study_day": 14},
}


def test_a_refused_session_leaves_later_ones_in_place_with_a_question(judged: Judged) -> None:
    assert judged(GAP).found == {
        "reject": {"second session.study_day_in_course"},
        "warn": {"session:third session.session_no_gapless"},
    }


def test_a_rule_reads_the_latest_row_of_each_key(warehouse: Warehouse) -> None:
    def row(order: int, **cells: Any) -> Cells:
        return {"clinic_id": "C001", "delivery_id": f"d{order}", "delivery_order": order, "line": 2, **cells}

    query = warehouse(
        {
            "lake.clinic": [{"clinic_id": "C001"}],
            "lake.patient": [row(1, patient_id="p1", data_cut_day=100)],
            "lake.diagnosis": [row(1, patient_id="p1", dx_seq=1)],
            "lake.course": [row(1, course_id="k1", patient_id="p1", course_no=1, target_dx_seq=1, start_day=0)],
            "lake.session": [
                row(1, session_id="s1", course_id="k1", session_no=1, study_day=1),
                row(2, session_id="s1", course_id="k1", session_no=1, study_day=0),
            ],
        },
        "quality.cross_table_findings",
    )
    assert query("select * from quality.cross_table_findings") == []


def test_rows_of_another_clinic_with_the_same_ids_say_nothing(warehouse: Warehouse) -> None:
    dead = {"clinic_id": "C002", "delivery_id": "d2", "delivery_order": 2, "line": 2, **DEAD, "study_day": 0}
    own = {"clinic_id": "C001", "delivery_id": "d1", "delivery_order": 1, "line": 2}
    query = warehouse(
        {
            "lake.clinic": [{"clinic_id": "C001"}, {"clinic_id": "C002"}],
            "lake.patient": [{**own, "patient_id": "p1", "data_cut_day": 100}],
            "lake.outcome_assessment": [{**own, "assessment_id": "a1", "patient_id": "p1", "study_day": 9}],
            "lake.followup_contact": [dead],
        },
        "staging.cur_outcome_assessment",
    )
    assert query("select refused_by from staging.cur_outcome_assessment") == [{"refused_by": None}]


def test_two_rows_with_an_empty_part_of_the_key_are_one(warehouse: Warehouse) -> None:
    rows = [
        {"clinic_id": "C001", "delivery_id": f"d{order}", "delivery_order": order, "line": 2, "patient_id": "p1",
         "class": "ssri", "start_day": None, "end_day": end_day}
        for order, end_day in ((1, None), (2, 30))
    ]  # fmt: skip
    query = warehouse({"lake.conmed": rows}, "staging.cur_conmed")
    assert query("select delivery_id, end_day from staging.cur_conmed") == [{"delivery_id": "d2", "end_day": 30}]


@pytest.mark.parametrize("table", ["diagnosis", "consent_event", "screening_item", "session_comed", "conmed"])
def test_a_table_without_rules_across_tables_joins_its_parents_and_nothing_else(project: Project, table: str) -> None:
    from sqlglot import exp, parse_one

    query = parse_one(project.models[f"staging.cur_{table}"].query, dialect="duckdb")
    assert len(query.args["joins"]) == 1
    assert not list(query.find_all(exp.Group))[1:]
