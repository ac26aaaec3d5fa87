"""Severity of adverse events: the worst of each patient, what was done, when it began, and what stopped because of it."""

from typing import Any

import polars as pl
import pytest

from registry_pipeline.release.disclosure import assert_nothing_small, suppress
from registry_pipeline.release.mart_contracts import load_mart_contracts
from registry_pipeline.settings import Settings
from registry_pipeline.statistics.rates import clopper_pearson, wilson
from tests.models.test_ae import Rows, event, session, tables
from tests.models.test_ae_bases import contact, noted_later
from tests.release_support import check_mart
from tests.warehouse_harness import Query, Warehouse

MART = "marts.adverse_event_severity"


def row_of(
    query: Query, measure: str, term: str = "nausea", noted_at: str = "session", **stratum: str
) -> dict[str, Any]:
    where = {"dimension": "overall", "level": "all", **stratum}
    rows = query(
        f"select * from {MART} where ae_term = '{term}' and measure = '{measure}' and noted_at = '{noted_at}'"
        + "".join(f" and {name} = '{value}'" for name, value in where.items())
    )
    assert len(rows) == 1
    return rows[0]


def numerators(query: Query, *measures: str, **which: str) -> list[int]:
    return [row_of(query, measure, **which)["numerator"] for measure in measures]


GRADES = ("grade_unknown", "grade_1", "grade_2", "grade_3", "grade_4", "grade_5")


def test_a_patient_is_as_bad_as_the_worst_of_all_sessions(warehouse: Warehouse) -> None:
    given = tables(
        [session("a", 1, 0), session("a", 2, 7), session("b", 1, 0), session("c", 1, 0)],
        [
            event("a-1", "nausea", 0, ctcae_grade=1),
            event("a-2", "nausea", 7, ctcae_grade=3),
            event("a-2", "dissociation", 7, ctcae_grade=4),
            event("b-1", "nausea", 0),
        ],
    )
    query = warehouse(given, MART)
    assert numerators(query, *GRADES) == [1, 0, 0, 1, 0, 0]
    assert numerators(query, *GRADES, term="any") == [1, 0, 0, 0, 1, 0]
    assert numerators(query, "grade_3_and_over") == [1]
    row = row_of(query, "grade_1")
    assert (row["denominator"], row["n_patients_with_event"], row["n_occasions_with"]) == (3, 2, 1)
    assert sum(numerators(query, *GRADES)) == row["n_patients_with_event"]


def test_a_patient_treated_by_two_routes_is_as_bad_as_the_worst_by_each(warehouse: Warehouse) -> None:
    given = tables(
        [session("a", 1, 0), session("a", 2, 7, route_code="im")],
        [event("a-1", "nausea", 0, ctcae_grade=1), event("a-2", "nausea", 7, ctcae_grade=2, serious=True)],
    )
    query = warehouse(given, MART)
    assert numerators(query, "grade_1", "grade_2", "serious") == [0, 1, 1]
    assert numerators(query, "grade_1", "grade_2", "serious", dimension="route", level="iv") == [1, 0, 0]
    assert numerators(query, "grade_1", "grade_2", "serious", dimension="route", level="im") == [0, 1, 1]


def test_what_was_done_and_thought_of_an_event_is_counted_once_per_patient(warehouse: Warehouse) -> None:
    actions = ["none", "unknown", "slowed", "medicated", "hospital", "stopped"]
    relations = ["unrelated", "unlikely", "unknown", "possible", "probable", "definite"]
    sessions = [session(str(n), number, number) for n in range(6) for number in range(2)]
    noted = [
        event(row["session_id"], "nausea", row["study_day"], action=actions[n // 2], related=relations[n // 2])
        for n, row in enumerate(sessions)
    ]
    query = warehouse(tables(sessions, noted), MART)
    assert numerators(query, "acted_on", "dose_stopped", "related") == [4, 1, 3]
    assert row_of(query, "acted_on")["n_occasions_with"] == 8


def test_events_without_a_complete_form_are_left_out_of_both_sides(warehouse: Warehouse) -> None:
    given = tables(
        [session("a", 1, 0), session("b", 1, 0, ae_form_status="spontaneous_only")],
        [event("b-1", "nausea", 0, ctcae_grade=3)],
    )
    row = row_of(warehouse(given, MART), "grade_3")
    assert (row["numerator"], row["denominator"], row["ascertainment_rate"]) == (0, 1, 0.5)
    assert row["is_ascertainment_low"]


@pytest.mark.parametrize(
    ("onset_day", "onset_min", "window"),
    [
        (0, 5, "acute"),
        (1, 1440, "acute"),
        (1, 1441, "subacute"),
        (0, None, "acute"),
        (1, None, "subacute"),
        (7, None, "subacute"),
        (7, 10080, "subacute"),
        (8, None, "late"),
        (7, 10081, "late"),
    ],
)
def test_an_event_is_acute_for_a_day_subacute_for_a_week_and_then_late(
    warehouse: Warehouse, onset_day: int, onset_min: int | None, window: str
) -> None:
    given = tables([session("a", 1, 0)], [event("a-1", "nausea", onset_day, onset_min=onset_min)])
    found = dict(
        zip(("acute", "subacute", "late"), numerators(warehouse(given, MART), "acute", "subacute", "late"), strict=True)
    )
    assert found == {name: int(name == window) for name in found}


def test_an_event_of_a_contact_is_timed_from_the_session_before_its_onset(warehouse: Warehouse) -> None:
    given = tables(
        [session("a", 1, 0), session("a", 2, 20)],
        [
            noted_later("a", 1, "nausea", 12, onset_min=5),
            noted_later("a", 1, "dissociation", 22),
        ],
    )
    given["staging.stg_followup_contact"] = [contact("a", 1, 40)]
    query = warehouse(given, MART)
    assert numerators(query, "acute", "subacute", "late", noted_at="contact") == [0, 0, 1]
    assert numerators(query, "acute", "subacute", "late", term="dissociation", noted_at="contact") == [0, 1, 0]
    assert numerators(query, "late") == [0]


def test_sessions_stopped_and_courses_ended_are_counted_even_without_an_event(warehouse: Warehouse) -> None:
    sessions = [session(name, 1, 0) for name in ("session", "event", "course", "none")]
    given = tables(sessions, [event("event-1", "nausea", 0, action="stopped")])
    given["staging.stg_session"] = [{"clinic_id": "C001", "session_id": "session-1", "stop_reason": "adverse_event"}]
    given["staging.stg_course"] = [{"clinic_id": "C001", "course_id": "k-course", "end_reason": "adverse_event"}]
    query = warehouse(given, MART)
    assert numerators(query, "session_stopped", "course_ended", term="any") == [2, 1]
    assert row_of(query, "course_ended", "any")["denominator"] == 4
    assert query(f"select * from {MART} where measure = 'course_ended' and ae_term <> 'any'") == []


@pytest.mark.parametrize(("n_patients", "method"), [(19, "clopper_pearson"), (20, "wilson")])
def test_the_interval_is_exact_for_few_patients(warehouse: Warehouse, n_patients: int, method: str) -> None:
    given = tables([session(str(n), 1, 0) for n in range(n_patients)], [event("3-1", "nausea", 0, serious=True)])
    row = row_of(warehouse(given, MART), "serious")
    low, high = {"clopper_pearson": clopper_pearson, "wilson": wilson}[method](1, n_patients)
    assert row["ci_method"] == method
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((float(low), float(high)), abs=1e-12)


def test_marks_and_measures_name_the_same_bits(warehouse: Warehouse) -> None:
    query = warehouse({}, "reference.ae_measures")
    bits = [row["mark"] for row in query("select mark from reference.ae_measures where mark is not null order by 1")]
    assert bits == [1, 2, 4, 8, 16, 32, 64]


@pytest.mark.slow
def test_the_gate_takes_the_mart_and_no_grade_follows_from_the_others(warehouse: Warehouse) -> None:
    sessions = [session(str(n), 1, 0) for n in range(90)]
    grades = [1] * 20 + [2] * 20 + [4] * 3
    noted = [event(f"{n}-1", "nausea", 0, ctcae_grade=grade) for n, grade in enumerate(grades)]
    noted += [event(f"{n}-1", "dissociation", 0, ctcae_grade=1) for n in range(30)]
    contract = load_mart_contracts(Settings())["adverse_event_severity"]
    frame = pl.DataFrame(warehouse(tables(sessions, noted), MART)(f"select * from {MART}"), infer_schema_length=None)
    released = suppress(frame, contract, 10)
    assert_nothing_small(released, contract, 10)
    for judged in (frame, released):
        assert [finding for finding in check_mart(judged, contract) if finding.severity == "reject"] == []
    shown = released.filter(
        ~pl.col("is_suppressed") & pl.col("measure").is_in(GRADES) & (pl.col("dimension") == "overall")
    )
    assert set(shown["ae_term"]) == {"dissociation"}


STOP, COUNT = "intermediate.int_ae_stop", "intermediate.int_ae_severity_count"


def treated(number: int, kind: int = 1, status: str = "complete", course: str = "k1") -> dict[str, Any]:
    keys = {"patient_no": 1, "clinic_id": "C001", "session_id": f"s{number}", "course_id": course}
    return {**keys, "session_kind_no": kind, "ae_form_status": status}


def stops(warehouse: Warehouse, sessions: Rows, **staged: Rows) -> list[tuple[Any, ...]]:
    given = {"intermediate.int_session": sessions} | {f"staging.stg_{name}": rows for name, rows in staged.items()}
    rows = warehouse(given, STOP)(f"select measure, session_kind_no, n_sessions from {STOP} order by all")
    return [tuple(row.values()) for row in rows]


def test_a_session_stopped_in_its_own_row_and_by_an_event_is_one_session(warehouse: Warehouse) -> None:
    reasons = ["adverse_event", "adverse_event", None, "completed", "adverse_event"]
    sessions = [treated(number) for number in range(4)] + [treated(4, status="spontaneous_only")]
    session_rows = [{"clinic_id": "C001", "session_id": f"s{n}", "stop_reason": why} for n, why in enumerate(reasons)]
    noted = [event(f"s{number}", "nausea", 0, action="stopped") for number in (1, 1, 2)]
    others = [
        event("s3", "nausea", 0, action="slowed"),
        event("s3", "nausea", 0, action="stopped", clinic_id="C002"),
        noted_later("1", 1, "nausea", 0, action="stopped"),
    ]
    found = stops(warehouse, sessions, session=session_rows, adverse_event=noted + others)
    assert found == [("session_stopped", 1, 3)]


def test_every_session_with_a_complete_form_of_a_course_ended_by_an_event_counts(warehouse: Warehouse) -> None:
    sessions = [treated(1), treated(2), treated(3, kind=2), treated(4, status="not_done"), treated(5, course="k2")]
    courses = [
        {"clinic_id": clinic, "course_id": course, "end_reason": reason}
        for clinic, course, reason in (
            ("C001", "k1", "adverse_event"),
            ("C001", "k2", "completed"),
            ("C002", "k2", "adverse_event"),
        )
    ]
    assert stops(warehouse, sessions, course=courses) == [("course_ended", 1, 2), ("course_ended", 2, 1)]


def cell_of(kind: int, number: int, ascertainment: str = "complete", *, timed: bool = True) -> dict[str, Any]:
    keys = {"session_kind_no": kind, "cell_no": number, "ascertainment": ascertainment, "is_timed": timed}
    return {**keys, "dimension": "overall" if timed else "hour", "level": "all" if timed else "night"}


def sums_of(noted: Rows) -> dict[str, Rows]:
    """Return what int_ae_sum is made of: patients of a clinic each, in one group by complete forms and one by all."""
    patients = sorted({row["patient_no"] for row in noted})
    return {
        "intermediate.int_consented_patient": [{"patient_no": no, "clinic_id": f"C{no}"} for no in patients],
        "intermediate.int_session": [{"patient_no": no, "session_kind_no": 1} for no in patients],
        "intermediate.int_ae_kind": [
            *({"session_kind_no": kind, "asked_group_no": 1, "all_group_no": 2} for kind in (1, 2)),
            {"session_kind_no": 3, "all_group_no": 2},
        ],
        "intermediate.int_ae_group": [
            {"session_kind_no": 1, "group_no": number, "cell_no": number, "overall_cell_no": number}
            for number in (1, 2)
        ],
        "intermediate.int_ae_exposure": [{"patient_no": no, "cell_no": cell} for no in patients for cell in (1, 2)],
    }


def severities(warehouse: Warehouse, **tables: Rows) -> dict[tuple[Any, ...], tuple[int, int]]:
    """Return patients and occasions of each term and measure, of sessions of the kinds 1 and 2 and contacts of kind -1."""
    contact_cell = {"contact_kind_no": -1, "cell_no": 1, "dimension": "overall", "level": "all"}
    given = {
        "intermediate.int_ae_cell": [
            *(cell_of(kind, 1) for kind in (1, 2)),
            *(cell_of(kind, 2, "all") for kind in (1, 2, 3)),
            *(cell_of(kind, 3, timed=False) for kind in (1, 2)),
        ],
        "intermediate.int_ae_contact_cell": [{**contact_cell, "ascertainment": name} for name in ("complete", "all")],
        **{f"intermediate.int_ae_{name}": tables.get(name, []) for name in ("occurrence", "contact_sum", "stop")},
        **sums_of(tables.get("occurrence", [])),
    }
    rows = warehouse(given, COUNT)(f"select * from {COUNT}")
    assert {(row["dimension"], row["level"]) for row in rows} == {("overall", "all")}
    return {
        (row["noted_at"], row["term_no"], row["measure"]): (row["n_patients_with"], row["n_occasions_with"])
        for row in rows
    }


def had(grade: int, kind: int, marks: int = 0, patient: int = 1) -> dict[str, Any]:
    keys = {"patient_no": patient, "kind_no": kind, "term_no": 5, "n_events": 1, "first_onset_day": 0}
    return {**keys, "max_grade": grade, "marks": marks}


def test_patients_count_by_their_worst_and_each_session_by_its_own(warehouse: Warehouse) -> None:
    noted = [had(1, 1, marks=1), had(3, 2, marks=4), had(0, 1, patient=2), had(4, 3, patient=2), had(2, 3, patient=3)]
    assert severities(warehouse, occurrence=noted) == {
        ("session", 5, "grade_unknown"): (1, 1),
        ("session", 5, "grade_1"): (0, 1),
        ("session", 5, "grade_3"): (1, 1),
        ("session", 5, "grade_3_and_over"): (1, 1),
        ("session", 5, "serious"): (1, 1),
        ("session", 5, "dose_stopped"): (1, 1),
    }


def test_contacts_count_beside_sessions_and_by_complete_forms_only(warehouse: Warehouse) -> None:
    patients = {"dimension": "overall", "level": "all", "ascertainment": "complete", "n_patients": 2}
    with_term = {**patients, "term_no": 5, "max_grade": 2, "marks": 0}
    found = severities(
        warehouse,
        occurrence=[had(2, -1), had(2, -1), had(2, -1, patient=2), had(2, -2, patient=2)],
        contact_sum=[with_term, {**with_term, "ascertainment": "all"}, patients],
    )
    assert found == {("contact", 5, "grade_2"): (2, 3)}


def test_a_patient_stopped_at_sessions_of_two_kinds_is_one_patient_with_any_event(warehouse: Warehouse) -> None:
    names = ("patient_no", "session_kind_no", "measure", "n_sessions")
    rows = [(1, 1, "session_stopped", 2), (1, 2, "session_stopped", 1), (2, 2, "course_ended", 4)]
    found = severities(warehouse, stop=[dict(zip(names, row, strict=True)) for row in rows])
    assert found == {("session", 0, "session_stopped"): (1, 3), ("session", 0, "course_ended"): (1, 4)}
