"""Severity of adverse events: the worst of each patient, what was done, when it began, and what stopped because of it."""

from typing import Any

import polars as pl
import pytest

from registry_pipeline.release.disclosure import assert_nothing_small, suppress
from registry_pipeline.release.mart_contracts import load_mart_contracts
from registry_pipeline.settings import Settings
from registry_pipeline.statistics.rates import clopper_pearson, wilson
from tests.models.test_ae import event, session, tables
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
