"""Adverse-event frequencies: which sessions count, once per session and patient, and at risk until when."""

from typing import Any

import pytest

from registry_pipeline.statistics.rates import clopper_pearson, garwood, wilson
from tests.warehouse_harness import Query, Warehouse

MART = "marts.adverse_event_frequencies"
OCCURRENCES = "intermediate.int_ae_occurrence inner join intermediate.int_ae_term using (term_no)"
Rows = list[dict[str, Any]]


TRAITS = {
    "route_code": "iv",
    "indication_code": "mdd",
    "ae_form_status": "complete",
    "setting_code": "clinic",
    "place_code": "on_site",
    "hour_band": "morning",
    "dose_band": "0_3_to_0_6",
    "session_band": "first",
    "premedication": "none",
}
_kinds: list[tuple[Any, ...]] = []


def _kind_no(traits: tuple[Any, ...]) -> int:
    if traits not in _kinds:
        _kinds.append(traits)
    return 1 + _kinds.index(traits)


def _patient_no(patient: str) -> int:
    return int.from_bytes(patient.encode(), "big") % 1_000_003


def session(patient: str, number: int, day: int, **cells: Any) -> dict[str, Any]:
    kind = tuple(cells.get(trait, usual) for trait, usual in TRAITS.items())
    return {
        "patient_no": _patient_no(patient),
        "clinic_id": "C001",
        "session_kind_no": _kind_no(kind),
        "course_id": f"k-{patient}",
        "session_id": f"{patient}-{number}",
        "session_no": number,
        "study_day": day,
        "course_intent": "induction",
        "phase_derived": "induction",
        **TRAITS,
        **cells,
    }


def event(session_id: str, term: str, day: int, **cells: Any) -> dict[str, Any]:
    ae_id = f"{session_id}-{term}-{day}"
    return {
        "clinic_id": "C001",
        "ae_id": ae_id,
        "session_id": session_id,
        "ae_term": term,
        "onset_day": day,
        "serious": False,
        "action": "none",
        "related": "unknown",
        **cells,
    }


def tables(sessions: Rows, events: Rows, data_cut_day: int = 365) -> dict[str, Rows]:
    patients = sorted({(row["patient_no"], row["course_id"].removeprefix("k-")) for row in sessions})
    keys = [{"patient_no": number, "clinic_id": "C001", "patient_id": patient} for number, patient in patients]
    return {
        "intermediate.int_session": sessions,
        "intermediate.int_consented_patient": [{**key, "data_cut_day": data_cut_day} for key in keys],
        "intermediate.int_cohort": keys,
        "staging.stg_adverse_event": events,
        "reference.ae_terms": [{"ae_term": "nausea"}, {"ae_term": "dissociation"}],
    }


def cell(query: Query, term: str, basis: str, ascertainment: str = "complete", **stratum: str) -> dict[str, Any]:
    where = {"dimension": "overall", "level": "all", **stratum}
    rows = query(
        f"select * from {MART} where ae_term = '{term}' and basis = '{basis}' and ascertainment = '{ascertainment}'"
        + "".join(f" and {name} = '{value}'" for name, value in where.items())
    )
    assert len(rows) == 1
    return rows[0]


def test_an_event_noted_twice_in_a_session_counts_once_and_any_counts_the_session(warehouse: Warehouse) -> None:
    given = tables(
        [session("a", 1, 0), session("b", 1, 0)],
        [event("a-1", "nausea", 0), event("a-1", "nausea", 1), event("a-1", "dissociation", 0)],
    )
    query = warehouse(given, "intermediate.int_ae_occurrence")
    assert query(f"select ae_term, n_events, first_onset_day from {OCCURRENCES} where kind_no > 0 order by 1") == [
        {"ae_term": "any", "n_events": 3, "first_onset_day": 0},
        {"ae_term": "dissociation", "n_events": 1, "first_onset_day": 0},
        {"ae_term": "nausea", "n_events": 2, "first_onset_day": 0},
    ]


def test_an_event_of_a_follow_up_contact_or_of_another_clinic_is_no_event_of_a_session(warehouse: Warehouse) -> None:
    elsewhere = event("a-1", "nausea", 0, clinic_id="C002")
    later = {**event("a-1", "nausea", 9), "session_id": None, "followup_id": "f1"}
    query = warehouse(tables([session("a", 1, 0)], [elsewhere, later]), "intermediate.int_ae_occurrence")
    assert query(f"select * from {OCCURRENCES}") == []


def test_only_complete_forms_count_in_numerator_and_denominator_of_the_primary_frequency(warehouse: Warehouse) -> None:
    given = tables(
        [
            session("a", 1, 0),
            session("a", 2, 7, ae_form_status="spontaneous_only"),
            session("b", 1, 0, ae_form_status="not_done"),
        ],
        [event("a-2", "nausea", 7), event("b-1", "nausea", 0)],
    )
    query = warehouse(given, MART)
    counts = {
        name: (row["numerator"], row["denominator"], row["n_patients"], row["ascertainment_rate"])
        for name in ("complete", "all", "spontaneous")
        for row in [cell(query, "nausea", "session", name)]
    }
    assert counts == {"complete": (0, 1, 1, 1 / 3), "all": (2, 3, 2, 1 / 3), "spontaneous": (1, 1, 1, 1 / 3)}


def test_a_term_that_nobody_had_is_shown_with_its_denominator_and_an_upper_bound(warehouse: Warehouse) -> None:
    given = tables([session(str(number), 1, 0) for number in range(30)], [])
    query = warehouse(given, MART)
    row = cell(query, "dissociation", "patient")
    assert (row["numerator"], row["denominator"], row["rate"], row["ci_low"]) == (0, 30, 0, 0)
    assert row["ci_high"] == pytest.approx(float(wilson(0, 30).high), abs=1e-12)
    assert query(f"select distinct ae_term from {MART} order by ae_term") == [
        {"ae_term": term} for term in ("any", "dissociation", "nausea")
    ]


def test_a_stratum_without_a_session_that_counts_has_denominator_zero_and_no_rate(warehouse: Warehouse) -> None:
    query = warehouse(tables([session("a", 1, 0)], []), MART)
    for basis in ("session", "patient", "patient_month"):
        row = cell(query, "nausea", basis, "spontaneous")
        assert (row["denominator"], row["rate"], row["ci_low"], row["ci_high"]) == (0, None, None, None)


def test_a_patient_treated_by_two_routes_counts_in_both_and_once_overall(warehouse: Warehouse) -> None:
    given = tables(
        [session("a", 1, 0), session("a", 2, 7, route_code="im"), session("b", 1, 0, route_code="im")],
        [event("a-1", "nausea", 0)],
    )
    query = warehouse(given, MART)
    strata = {
        "all": {},
        "iv": {"dimension": "route", "level": "iv"},
        "im": {"dimension": "route", "level": "im"},
        "clinic": {"dimension": "clinic", "level": "C001"},
        "indication": {"dimension": "indication", "level": "mdd"},
    }
    counts = {
        name: (row["numerator"], row["denominator"])
        for name, stratum in strata.items()
        for row in [cell(query, "nausea", "patient", **stratum)]
    }
    assert counts == {"all": (1, 2), "iv": (1, 1), "im": (0, 2), "clinic": (1, 2), "indication": (1, 2)}


def test_time_at_risk_ends_at_the_first_event_the_data_cut_the_last_contact_or_a_month(warehouse: Warehouse) -> None:
    given = tables(
        [session(name, 1, 0) for name in ("event", "month", "contact")] + [session("event", 2, 20)],
        [event("event-2", "nausea", 20), event("event-1", "dissociation", 0)],
    )
    given["staging.stg_followup_contact"] = [
        {"clinic_id": "C001", "followup_id": f"f{day}", "patient_id": name, "study_day": day}
        for name, day in (("event", 200), ("month", 200), ("contact", 12))
    ]
    row = cell(warehouse(given, MART), "nausea", "patient_month")
    months = (20 + 30 + 12) / 30.4375
    low, high = garwood(1, months)
    assert (row["numerator"], row["ci_method"]) == (1, "garwood")
    assert row["denominator"] == pytest.approx(months)
    assert (row["rate"], row["ci_low"], row["ci_high"]) == pytest.approx((1 / months, float(low), float(high)))
    early = cell(warehouse({**given, **tables_cut(given, 10)}, MART), "dissociation", "patient_month")
    assert early["denominator"] == pytest.approx((0 + 10 + 10) / 30.4375)


def tables_cut(given: dict[str, Rows], day: int) -> dict[str, Rows]:
    patients = given["intermediate.int_consented_patient"]
    return {"intermediate.int_consented_patient": [{**row, "data_cut_day": day} for row in patients]}


def test_an_onset_after_the_time_at_risk_ends_it_without_shortening_it(warehouse: Warehouse) -> None:
    given = tables([session("a", 1, 0), session("a", 2, 5)], [event("a-1", "nausea", 90)])
    query = warehouse(given, "intermediate.int_ae_sum")
    assert query(
        "select distinct days_after_event from intermediate.int_ae_sum where days_after_event is not null"
    ) == [{"days_after_event": 0}]


def test_a_small_group_of_patients_has_the_exact_interval(warehouse: Warehouse) -> None:
    given = tables([session(str(n), 1, 0) for n in range(19)], [event("3-1", "nausea", 0)])
    row = cell(warehouse(given, MART), "nausea", "patient")
    low, high = clopper_pearson(1, 19)
    assert row["ci_method"] == "clopper_pearson"
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((float(low), float(high)), abs=1e-12)


def test_sessions_of_alike_patients_are_worth_no_more_than_their_number(warehouse: Warehouse) -> None:
    sessions = [session(str(n), number, number) for n in range(4) for number in range(2)]
    given = tables(sessions, [event(f"{n}-0", "nausea", 0) for n in range(4)])
    row = cell(warehouse(given, MART), "nausea", "session")
    low, high = wilson(4, 8)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((float(low), float(high)), abs=1e-12)


@pytest.mark.parametrize(("n_events", "rate"), [(0, 0), (6, 1)])
def test_where_every_session_is_alike_the_patients_are_what_is_counted(
    warehouse: Warehouse, n_events: int, rate: int
) -> None:
    sessions = [session(str(n), number, number) for n in range(2) for number in range(3)]
    events = [event(row["session_id"], "nausea", row["study_day"]) for row in sessions][:n_events]
    row = cell(warehouse(tables(sessions, events), MART), "nausea", "session")
    low, high = wilson(2 * rate, 2)
    assert row["rate"] == rate
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((float(low), float(high)), abs=1e-12)
