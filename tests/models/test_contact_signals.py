"""Signals of follow-up contacts, step by step: per patient and period, per kind of patient, and among those due."""

from typing import Any

import pytest

from tests.warehouse_harness import Query, Warehouse

PERIOD, SIGNAL = "intermediate.int_contact_period", "intermediate.int_contact_signal"
LONG_TERM = "intermediate.int_long_term_count"
Rows = list[dict[str, Any]]
PERIODS = [
    {"period_no": 1, "period": "early", "start_day": 0, "end_day": 90},
    {"period_no": 2, "period": "late", "start_day": 91, "end_day": 180},
]
COUNTS = (
    "n_form",
    "n_bladder_asked",
    "n_bladder",
    "n_cystitis",
    "n_liver_asked",
    "n_liver",
    "n_cognition",
    "n_misuse_asked",
    "n_misuse",
    "n_death_asked",
    "n_death",
)


def contact(followup_id: str, day: int = 30, **cells: Any) -> dict[str, Any]:
    nothing = {
        "ae_form_status": "not_done",
        "vital_status": "unknown",
        "misuse_screen": "not_done",
        "luts_status": "not_asked",
    }
    keys = {"clinic_id": "C001", "followup_id": followup_id, "patient_id": "p1", "study_day": day}
    return {**nothing, **keys, **cells}


def event(followup_id: str, term: str, clinic: str = "C001") -> dict[str, Any]:
    return {"clinic_id": clinic, "ae_id": f"{followup_id}-{term}", "followup_id": followup_id, "ae_term": term}


def periods(warehouse: Warehouse, contacts: Rows, events: Rows) -> Query:
    patient = {"patient_no": 1, "clinic_id": "C001", "patient_id": "p1", "data_cut_day": 150}
    given = {
        "intermediate.int_consented_patient": [patient],
        "reference.follow_up_periods": PERIODS,
        "staging.stg_followup_contact": contacts,
        "staging.stg_adverse_event": events,
    }
    return warehouse(given, PERIOD)


@pytest.mark.parametrize(("day", "period"), [(-1, []), (0, [1]), (90, [1]), (91, [2]), (150, [2]), (151, [])])
def test_a_contact_lies_in_the_period_of_its_day_up_to_the_data_cut(
    warehouse: Warehouse, day: int, period: list[int]
) -> None:
    rows = periods(warehouse, [contact("f", day)], [])(f"select period_no from {PERIOD}")
    assert [row["period_no"] for row in rows] == period


def test_each_question_has_its_own_contacts_that_asked_it(warehouse: Warehouse) -> None:
    contacts = [
        contact("a", ae_form_status="complete", luts_status="cystitis", alt_x_uln=3, vital_status="alive"),
        contact("b", ae_form_status="spontaneous_only", luts_status="symptoms", alt_x_uln=3.01, vital_status="dead"),
        contact("c", ae_form_status="complete", luts_status="none", misuse_screen="positive"),
        contact("d", ae_form_status="complete", misuse_screen="negative"),
        contact("e"),
    ]
    events = [
        event("a", "memory_impairment"),
        event("a", "concentration_impairment"),
        event("b", "memory_impairment"),
        event("c", "nausea"),
        event("d", "memory_impairment", clinic="C002"),
    ]
    (row,) = periods(warehouse, contacts, events)(f"select {', '.join(COUNTS)} from {PERIOD}")
    assert row == {
        "n_form": 3,
        "n_bladder_asked": 3,
        "n_bladder": 2,
        "n_cystitis": 1,
        "n_liver_asked": 2,
        "n_liver": 1,
        "n_cognition": 1,
        "n_misuse_asked": 2,
        "n_misuse": 1,
        "n_death_asked": 2,
        "n_death": 1,
    }


def signals(warehouse: Warehouse, kinds: dict[int, int], of_periods: Rows) -> Query:
    names = ("bladder", "cystitis", "liver", "cognition", "misuse", "death")
    given = {
        PERIOD: [{**dict.fromkeys(COUNTS, 0), **row} for row in of_periods],
        "intermediate.int_patient_kind": [{"patient_no": n, "patient_kind_no": kind} for n, kind in kinds.items()],
        "reference.safety_signals": [
            *({"signal": name, "source": "contact"} for name in names),
            {"signal": "seizure", "source": "form"},
        ],
    }
    return warehouse(given, SIGNAL)


def test_a_patient_counts_once_in_each_period_and_once_in_all_of_them(warehouse: Warehouse) -> None:
    twice_asked = {"n_bladder_asked": 2, "n_bladder": 1}
    of_periods = [
        {"patient_no": 1, "period_no": 1, **twice_asked},
        {"patient_no": 1, "period_no": 2, "n_bladder_asked": 1, "n_bladder": 1},
        # Alike in the first period.
        {"patient_no": 2, "period_no": 1, **twice_asked},
        {"patient_no": 3, "period_no": 1, "n_bladder_asked": 1},
        {"patient_no": 4, "period_no": 1, **twice_asked},
        {"patient_no": 5, "period_no": 1, **twice_asked},
    ]
    query = signals(warehouse, {1: 1, 2: 1, 3: 1, 4: 2}, of_periods)
    columns = "patient_kind_no, period_no, n_asked, n_with, n_contacts_asked, n_contacts_with"
    rows = query(f"select {columns} from {SIGNAL} where signal = 'bladder' order by all")
    assert [tuple(row.values()) for row in rows] == [
        (1, 0, 3, 2, 6, 3),
        (1, 1, 3, 2, 5, 2),
        (1, 2, 1, 1, 1, 1),
        (2, 0, 1, 1, 2, 1),
        (2, 1, 1, 1, 2, 1),
    ]


def test_each_signal_of_contacts_is_counted_among_those_asked_about_it(warehouse: Warehouse) -> None:
    numbers = dict(zip(COUNTS, (20, 19, 8, 7, 18, 6, 5, 17, 4, 16, 3), strict=True))
    query = signals(warehouse, {1: 1}, [{"patient_no": 1, "period_no": 1, **numbers}])
    rows = query(f"select signal, n_contacts_asked, n_contacts_with from {SIGNAL} where period_no = 1 order by all")
    assert [tuple(row.values()) for row in rows] == [
        ("bladder", 19, 8),
        ("cognition", 20, 5),
        ("cystitis", 19, 7),
        ("death", 16, 3),
        ("liver", 18, 6),
        ("misuse", 17, 4),
    ]


def test_patients_are_due_from_the_first_day_of_a_period_on_whether_asked_or_not(warehouse: Warehouse) -> None:
    kinds, cuts = {1: 1, 2: 1, 3: 2}, {1: 90, 2: 91, 3: 200}
    asked = {"patient_kind_no": 1, "n_asked": 1, "n_with": 1, "n_contacts_asked": 2, "n_contacts_with": 1}
    strata = [(1, "all", "overall", "all"), (1, "all", "route", "iv"), (1, "mdd", "overall", "all")]
    strata += [(2, "all", "overall", "all")]
    names = ("patient_kind_no", "indication", "dimension", "level")
    given = {
        "reference.follow_up_periods": PERIODS,
        "reference.safety_signals": [
            {"signal": "bladder", "source": "contact", "is_long_term": True},
            {"signal": "bladder", "source": "form", "is_long_term": False},
            {"signal": "death", "source": "contact", "is_long_term": False},
        ],
        "intermediate.int_patient_kind": [{"patient_no": n, "patient_kind_no": kind} for n, kind in kinds.items()],
        "intermediate.int_consented_patient": [{"patient_no": n, "data_cut_day": day} for n, day in cuts.items()],
        "intermediate.int_patient_stratum": [dict(zip(names, row, strict=True)) for row in strata],
        SIGNAL: [{**asked, "signal": name, "period_no": no} for name in ("bladder", "death") for no in (0, 1)],
    }
    columns = "signal, period, dimension, level, n_due, n_asked, n_with, n_contacts_asked, n_contacts_with"
    rows = warehouse(given, LONG_TERM)(f"select {columns} from {LONG_TERM} order by all")
    assert [tuple(row.values()) for row in rows] == [
        ("bladder", "any_time", "overall", "all", 3, 1, 1, 2, 1),
        ("bladder", "any_time", "route", "iv", 2, 1, 1, 2, 1),
        ("bladder", "early", "overall", "all", 3, 1, 1, 2, 1),
        ("bladder", "early", "route", "iv", 2, 1, 1, 2, 1),
        ("bladder", "late", "overall", "all", 2, 0, 0, 0, 0),
        ("bladder", "late", "route", "iv", 1, 0, 0, 0, 0),
    ]
