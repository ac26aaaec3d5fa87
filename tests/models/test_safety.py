"""Safety signals: who was asked, who had one, where it was noted, and in which period after the first session."""

from typing import Any

import pytest

from registry_pipeline.statistics.rates import clopper_pearson
from tests.warehouse_harness import Query, Warehouse

SIGNALS, LATE = "marts.safety_signals", "marts.long_term_signals"
Rows = list[dict[str, Any]]
TRAITS = {
    "indication_code": "mdd",
    "clinic_id": "C001",
    "route_code": "iv",
    "setting_code": "clinic",
    "place_code": "on_site",
    "hour_band": "morning",
    "dose_band": "0_3_to_0_6",
    "cumulative_dose_band": "under_200_mg",
    "age_group": "under_46",
    "psychotherapy": "without",
    "rehabilitation": "without",
}


def session(patient: int, status: str = "complete", number: int = 1) -> dict[str, Any]:
    return {
        "patient_no": patient,
        "clinic_id": "C001",
        "course_id": f"k{patient}",
        "session_id": f"{patient}-{number}",
        "session_kind_no": 1,
        "study_day": 0,
        "phase_derived": "induction",
        "ae_form_status": status,
        "premedication": "none",
    }


def contact(patient: int, day: int, **cells: Any) -> dict[str, Any]:
    nothing = {
        "ae_form_status": "not_done",
        "vital_status": "unknown",
        "misuse_screen": "not_done",
        "luts_status": "not_asked",
    }
    keys = {"clinic_id": "C001", "followup_id": f"f{patient}-{day}", "patient_id": f"p{patient}", "study_day": day}
    return {**nothing, **keys, **cells}


def event(term: str, **cells: Any) -> dict[str, Any]:
    return {"clinic_id": "C001", "ae_id": str(cells), "ae_term": term, "onset_day": 0, "outcome": "recovered", **cells}


def registry(patients: int, data_cut_day: int = 1000) -> dict[str, Rows]:
    numbers = range(1, patients + 1)
    return {
        "intermediate.int_consented_patient": [
            {"patient_no": number, "clinic_id": "C001", "patient_id": f"p{number}", "data_cut_day": data_cut_day}
            for number in numbers
        ],
        "intermediate.int_patient_kind": [{"patient_no": number, "patient_kind_no": 1, **TRAITS} for number in numbers],
        "intermediate.int_session": [session(number) for number in numbers],
    }


def row_of(query: Query, mart: str, **where: str) -> dict[str, Any]:
    keys = {"dimension": "overall", "level": "all", **where}
    rows = query(f"select * from {mart} where " + " and ".join(f"{name} = '{value}'" for name, value in keys.items()))
    assert len(rows) == 1
    return rows[0]


def counts(query: Query, signal: str, source: str) -> tuple[int, ...]:
    row = row_of(query, SIGNALS, signal=signal, source=source)
    return tuple(row[name] for name in ("numerator", "denominator", "n_noted", "n_patients"))


def test_only_complete_forms_make_a_rate_and_every_other_note_is_counted_beside_it(warehouse: Warehouse) -> None:
    given = registry(5)
    statuses = ["complete", "complete", "spontaneous_only", "not_done", "complete"]
    given["intermediate.int_session"] = [session(number, status) for number, status in enumerate(statuses, 1)]
    given["staging.stg_followup_contact"] = [contact(4, 30, ae_form_status="complete")]
    given["staging.stg_adverse_event"] = [
        event("suicidal_ideation", session_id="1-1"),
        event("suicide_attempt", session_id="1-1"),
        event("suicide_attempt", session_id="3-1"),
        event("suicidal_ideation", followup_id="f4-30"),
        event("nausea", session_id="2-1"),
    ]
    query = warehouse(given, SIGNALS)
    assert counts(query, "suicidality", "form") == (2, 4, 3, 5)
    assert row_of(query, SIGNALS, signal="suicidality", source="form")["ascertainment_rate"] == pytest.approx(4 / 5)


def test_a_signal_that_nobody_had_is_shown_with_what_so_many_patients_still_allow(warehouse: Warehouse) -> None:
    row = row_of(warehouse(registry(30), SIGNALS), SIGNALS, signal="seizure", source="form")
    assert (row["numerator"], row["denominator"], row["rate"], row["ci_low"]) == (0, 30, 0, 0)
    assert row["zero_event_upper"] == pytest.approx(1 - 0.05 ** (1 / 30), abs=1e-12)
    assert row["ci_high"] == pytest.approx(float(clopper_pearson(0, 30).high), abs=1e-12)


def test_a_signal_that_nobody_was_asked_about_has_no_rate(warehouse: Warehouse) -> None:
    row = row_of(warehouse(registry(3), SIGNALS), SIGNALS, signal="liver", source="contact")
    found = tuple(row[name] for name in ("denominator", "rate", "ci_low", "ci_high", "zero_event_upper"))
    assert found == (0, None, None, None, None)


def test_every_term_of_special_interest_belongs_to_a_signal_and_a_new_one_is_its_own(warehouse: Warehouse) -> None:
    terms = [{"ae_term": "mania", "is_aesi": True}, {"ae_term": "stroke", "is_aesi": True}, {"ae_term": "nausea"}]
    given = {**registry(2), "reference.ae_terms": terms}
    given["staging.stg_adverse_event"] = [event("stroke", session_id="1-1"), event("mania", session_id="2-1")]
    query = warehouse(given, SIGNALS)
    assert counts(query, "stroke", "form") == (1, 2, 1, 2)
    assert counts(query, "psychosis_or_mania", "form") == (1, 2, 1, 2)


def test_the_shipped_terms_of_special_interest_all_lie_in_a_named_signal(warehouse: Warehouse) -> None:
    query = warehouse({}, "reference.safety_terms", "reference.safety_signals")
    found = {
        row["signal"] for row in query("select distinct signal from reference.safety_signals where source = 'form'")
    }
    assert found == {
        "suicidality",
        "psychosis_or_mania",
        "delirium",
        "respiratory_depression",
        "arrhythmia",
        "seizure",
        "bladder",
        "liver",
        "misuse",
        "death",
    }


def test_death_is_a_fatal_event_on_a_form_and_a_status_at_a_contact(warehouse: Warehouse) -> None:
    given = registry(3)
    given["staging.stg_adverse_event"] = [event("other", session_id="1-1", outcome="fatal")]
    given["staging.stg_followup_contact"] = [contact(1, 10, vital_status="dead"), contact(2, 10, vital_status="alive")]
    query = warehouse(given, SIGNALS)
    assert counts(query, "death", "form") == (1, 3, 1, 3)
    assert counts(query, "death", "contact") == (1, 2, 1, 3)


def test_a_pressure_of_180_counts_among_patients_whose_pressure_was_measured(warehouse: Warehouse) -> None:
    given = registry(3)
    reading = {"clinic_id": "C001", "param": "sbp", "minute": 0}
    given["staging.stg_session_vital"] = [
        {**reading, "session_id": f"{patient}-1", "phase": phase, "value": value}
        for patient, peak in ((1, 180), (2, 179))
        for phase, value in (("pre", 120), ("peak", peak))
    ]
    assert counts(warehouse(given, SIGNALS), "sbp_180", "vitals") == (1, 2, 1, 3)


def test_late_signals_are_counted_per_patient_and_period_among_those_asked_in_it(warehouse: Warehouse) -> None:
    given = registry(3)
    given["staging.stg_followup_contact"] = [
        contact(1, 90, luts_status="symptoms"),
        contact(1, 60, luts_status="cystitis"),
        contact(1, 91, luts_status="none"),
        contact(2, 30, luts_status="none"),
        contact(3, 30),
    ]
    query = warehouse(given, LATE)
    names = ("numerator", "denominator", "n_due", "n_contacts_with", "n_contacts_asked")
    found = {
        (signal, period): tuple(row_of(query, LATE, signal=signal, period=period)[name] for name in names)
        for signal in ("bladder", "cystitis")
        for period in ("day_0_to_90", "day_91_to_180", "any_time")
    }
    assert found == {
        ("bladder", "day_0_to_90"): (1, 2, 3, 2, 3),
        ("bladder", "day_91_to_180"): (0, 1, 3, 0, 1),
        ("bladder", "any_time"): (1, 2, 3, 2, 4),
        ("cystitis", "day_0_to_90"): (1, 2, 3, 1, 3),
        ("cystitis", "day_91_to_180"): (0, 1, 3, 0, 1),
        ("cystitis", "any_time"): (1, 2, 3, 1, 4),
    }


def test_liver_misuse_and_cognition_have_their_own_limits_and_denominators(warehouse: Warehouse) -> None:
    given = registry(4)
    given["staging.stg_followup_contact"] = [
        contact(1, 400, alt_x_uln=3, misuse_screen="positive", ae_form_status="complete"),
        contact(2, 400, alt_x_uln=3.01, misuse_screen="negative", ae_form_status="complete"),
        contact(3, 400, ae_form_status="spontaneous_only"),
    ]
    given["staging.stg_adverse_event"] = [
        event("memory_impairment", followup_id="f1-400"),
        event("concentration_impairment", followup_id="f1-400"),
        event("memory_impairment", followup_id="f3-400"),
        event("memory_impairment", session_id="2-1"),
    ]
    query = warehouse(given, LATE)
    for signal in ("liver", "misuse", "cognition"):
        row = row_of(query, LATE, signal=signal, period="after_day_365")
        assert (row["numerator"], row["denominator"], row["coverage"]) == (1, 2, 0.5), signal


def test_a_period_is_due_for_patients_whose_data_reach_into_it(warehouse: Warehouse) -> None:
    query = warehouse(registry(2, data_cut_day=91), LATE)
    due = {
        row["period"]: row["n_due"]
        for row in query(f"select period, n_due from {LATE} where dimension = 'overall' and signal = 'liver'")
    }
    assert due == {"day_0_to_90": 2, "day_91_to_180": 2, "any_time": 2}


def test_a_contact_after_the_data_cut_is_not_used(warehouse: Warehouse) -> None:
    given = registry(1, data_cut_day=50)
    given["staging.stg_followup_contact"] = [contact(1, 51, misuse_screen="positive")]
    row = row_of(warehouse(given, LATE), LATE, signal="misuse", period="any_time")
    assert (row["numerator"], row["denominator"]) == (0, 0)


def test_an_empty_registry_has_no_signals(warehouse: Warehouse) -> None:
    query = warehouse({}, SIGNALS, LATE)
    assert query(f"select * from {SIGNALS}") == query(f"select * from {LATE}") == []


COUNT = "intermediate.int_safety_count"
PARENTS = ("int_session", "int_contact_period", "int_safety_event", "int_patient_vital", "int_contact_signal")


def counted(warehouse: Warehouse, **tables: Rows) -> list[tuple[Any, ...]]:
    """Return source, level and counts of three patients of one clinic and two of another, where anybody was asked."""
    strata = [(1, "all", "clinic", "C001"), (2, "all", "clinic", "C002"), (1, "mdd", "overall", "all")]
    strata += [(kind, "all", "overall", "all") for kind in (1, 2)]
    names = ("patient_kind_no", "indication", "dimension", "level")
    given = {
        "intermediate.int_patient_kind": [
            {"patient_no": number, "patient_kind_no": 1 if number <= 3 else 2} for number in range(1, 6)
        ],
        "intermediate.int_patient_stratum": [dict(zip(names, stratum, strict=True)) for stratum in strata],
        "reference.safety_signals": [{"signal": "liver", "source": source} for source in ("form", "contact", "vitals")],
        **{f"intermediate.{name}": tables.get(name, []) for name in PARENTS},
    }
    rows = warehouse(given, COUNT)(
        f"select source, level, n_patients, n_asked, n_with, n_noted from {COUNT} order by all"
    )
    assert len(rows) == 3 * 3
    return [tuple(row.values()) for row in rows if row["n_noted"] + row["n_asked"]]


def test_a_note_outside_a_complete_form_is_noted_and_no_one_with_the_signal(warehouse: Warehouse) -> None:
    statuses = ["complete", "not_done", "spontaneous_only", "not_done", "not_done"]
    noted = [(1, "jaundice", True), (1, "alt_raised", False), (3, "jaundice", False), (4, "jaundice", False)]
    found = counted(
        warehouse,
        int_session=[session(number, status) for number, status in enumerate(statuses, 1)],
        int_contact_period=[
            {"patient_no": 1, "period_no": 1, "n_form": 2},
            {"patient_no": 2, "period_no": 1, "n_form": 1},
            {"patient_no": 3, "period_no": 1, "n_form": 0},
        ],
        int_safety_event=[
            {"patient_no": number, "signal": "liver", "ae_term": term, "is_asked": asked}
            for number, term, asked in noted
        ],
    )
    # Of the second clinic nobody was asked, and one patient spoke of it.
    assert found == [("form", "C001", 3, 2, 1, 2), ("form", "C002", 2, 0, 0, 1), ("form", "all", 5, 2, 1, 3)]


def test_a_patient_is_measured_once_in_any_session_and_had_it_once_in_any(warehouse: Warehouse) -> None:
    pressures = [(1, 1, 0), (1, 1, 1), (2, 2, 0), (3, 0, 0), (4, 3, 3)]
    names = ("patient_no", "n_pressure", "n_sbp_180")
    found = counted(warehouse, int_patient_vital=[dict(zip(names, row, strict=True)) for row in pressures])
    assert found == [("vitals", "C001", 3, 2, 1, 1), ("vitals", "C002", 2, 1, 1, 1), ("vitals", "all", 5, 3, 2, 2)]


def test_answers_at_contacts_are_those_of_all_periods_together(warehouse: Warehouse) -> None:
    answers = [(1, 0, 3, 1), (1, 1, 2, 1), (1, 2, 2, 1), (2, 0, 1, 0)]
    names = ("patient_kind_no", "period_no", "n_asked", "n_with")
    found = counted(
        warehouse, int_contact_signal=[{"signal": "liver", **dict(zip(names, row, strict=True))} for row in answers]
    )
    assert found == [("contact", "C001", 3, 3, 1, 1), ("contact", "C002", 2, 1, 0, 0), ("contact", "all", 5, 4, 1, 1)]
