"""Adverse-event frequencies against the oracles, from sessions and events through every model to the mart."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from registry_pipeline.statistics.rates import clopper_pearson, wilson
from tests.warehouse_harness import Query, Warehouse

MART = "marts.adverse_event_frequencies"
SEVERITY = "marts.adverse_event_severity"
STRATA = {
    "primary_ascertained": ("complete", "overall", "all"),
    "sensitivity_all_sessions": ("all", "overall", "all"),
    "iv_ascertained": ("complete", "route", "iv"),
    "im_ascertained": ("complete", "route", "im"),
}


def patient_tables(patients: list[str]) -> dict[str, list[dict[str, Any]]]:
    keys = [{"clinic_id": "C001", "patient_id": patient} for patient in patients]
    return {
        "staging.stg_patient": [{**key, "data_cut_day": 365} for key in keys],
        "staging.stg_course": [
            {**key, "course_id": f"k-{key['patient_id']}", "course_no": 1, "intent": "induction", "start_day": 0}
            for key in keys
        ],
    }


def session(patient: str, number: int, day: int, route: str, status: str) -> dict[str, Any]:
    return {
        "clinic_id": "C001",
        "session_id": f"{patient}-{number}",
        "course_id": f"k-{patient}",
        "session_no": number,
        "study_day": day,
        "route": route,
        "ae_form_status": status,
    }


def event(number: int, session_id: str, term: str, day: int, **cells: Any) -> dict[str, Any]:
    return {
        "clinic_id": "C001",
        "ae_id": f"ae{number}",
        "session_id": session_id,
        "ae_term": term,
        "onset_day": day,
        "action": "none",
        **cells,
    }


@pytest.fixture(scope="module")
def expected(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "oracles" / "ae_micro_expected.json").read_text())


@pytest.fixture
def micro(shared: Path, warehouse: Warehouse) -> Query:
    sessions = pd.read_csv(shared / "oracles" / "ae_micro_sessions.csv")
    events = pd.read_csv(shared / "oracles" / "ae_micro_events.csv")
    given = patient_tables(sorted(sessions["patient"].unique()))
    given["staging.stg_session"] = [
        session(row.patient, row.session, row.study_day, row.route, row.ae_form_status) for row in sessions.itertuples()
    ]
    given["staging.stg_adverse_event"] = [
        event(row.Index, f"{row.patient}-{row.session}", row.pt.lower(), 0, ctcae_grade=row.ctcae_grade)
        for row in events.itertuples()
    ]
    return warehouse(given, MART, SEVERITY)


def cells(expected: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for term, strata in expected.items():
        if not term.startswith("_"):
            for name, stratum in strata.items():
                yield term.lower(), name, stratum


def row_of(query: Query, term: str, basis: str, name: str) -> dict[str, Any]:
    ascertainment, dimension, level = STRATA[name]
    rows = query(
        f"select * from {MART} where ae_term = '{term}' and basis = '{basis}' and ascertainment = '{ascertainment}'"
        f" and dimension = '{dimension}' and level = '{level}'"
    )
    assert len(rows) == 1
    return rows[0]


def test_counts_per_session_and_per_patient_equal_the_oracle(micro: Query, expected: dict[str, Any]) -> None:
    for term, name, stratum in cells(expected):
        for basis in ("session", "patient"):
            row, oracle = row_of(micro, term, basis, name), stratum[f"per_{basis}"]
            assert (row["numerator"], row["denominator"]) == (oracle["x"], oracle["n"]), (term, name, basis)
            assert row["rate"] == pytest.approx(oracle["p"], abs=1e-12)
            assert wilson(row["numerator"], row["denominator"]) == pytest.approx(oracle["wilson"], abs=1e-9)
            assert row["n_patients"] == stratum["patients"]
            assert row["n_patients_with"] == stratum["patients_with"]


def test_few_patients_have_the_exact_interval(micro: Query, expected: dict[str, Any]) -> None:
    for term, name, stratum in cells(expected):
        row = row_of(micro, term, "patient", name)
        assert row["ci_method"] == "clopper_pearson"
        exact = clopper_pearson(stratum["patients_with"], stratum["patients"])
        assert (row["ci_low"], row["ci_high"]) == pytest.approx([float(limit) for limit in exact], abs=1e-9)


def test_ascertainment_is_reported_beside_every_frequency(micro: Query, expected: dict[str, Any]) -> None:
    rates = micro(f"select distinct ascertainment_rate as rate from {MART} where dimension = 'overall'")
    assert rates == [{"rate": pytest.approx(expected["_denominators"]["ascertainment_rate"], abs=1e-12)}]
    spontaneous = micro(
        f"select denominator from {MART} where ascertainment = 'spontaneous' and basis = 'session'"
        " and dimension = 'overall' and ae_term = 'any'"
    )
    assert spontaneous == [{"denominator": expected["_denominators"]["spontaneous_only"]}]


def test_the_session_interval_treats_patients_as_clusters(shared: Path, warehouse: Warehouse) -> None:
    clusters = pd.read_csv(shared / "oracles" / "cluster_inputs.csv")
    oracle = json.loads((shared / "oracles" / "cluster_expected.json").read_text())
    given = patient_tables([str(patient) for patient in clusters["patient"]])
    given["staging.stg_session"] = [
        session(str(row.patient), number, number, "iv", "complete")
        for row in clusters.itertuples()
        for number in range(row.sessions)
    ]
    given["staging.stg_adverse_event"] = [
        event(1000 * row.patient + number, f"{row.patient}-{number}", "nausea", number)
        for row in clusters.itertuples()
        for number in range(row.sessions_with_ae)
    ]
    query = warehouse(given, MART)
    row = row_of(query, "nausea", "session", "primary_ascertained")
    assert (row["numerator"], row["denominator"], row["n_patients"]) == (oracle["Y"], oracle["M"], oracle["k"])
    assert row["n_patients_with"] == oracle["patients_with_any"]
    assert row["ci_method"] == "wilson_cluster"
    limits = (oracle["wilson_neff_lo"], oracle["wilson_neff_hi"])
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(limits, abs=1e-9)
    per_patient = row_of(query, "nausea", "patient", "primary_ascertained")
    assert per_patient["ci_method"] == "wilson"
    assert (per_patient["ci_low"], per_patient["ci_high"]) == pytest.approx(oracle["patient_wilson"], abs=1e-9)


def test_the_highest_grades_of_patients_equal_the_oracle(micro: Query, expected: dict[str, Any]) -> None:
    grades = Counter(expected["_max_grade_per_patient_Dissociation"].values())
    rows = micro(
        f"select measure, numerator, denominator from {SEVERITY} where ae_term = 'dissociation'"
        " and noted_at = 'session' and dimension = 'overall' and measure in ('grade_1', 'grade_2', 'grade_3', 'grade_4', 'grade_5')"
    )
    assert {row["measure"]: row["numerator"] for row in rows} == {f"grade_{n}": grades[n] for n in range(1, 6)}
    assert {row["denominator"] for row in rows} == {8}


def test_nothing_observed_has_the_bounds_of_the_oracle(shared: Path, warehouse: Warehouse) -> None:
    oracle = pd.read_csv(shared / "oracles" / "zero_event_expected.csv")
    query = warehouse({"intermediate.int_ae_count": [nothing(int(n)) for n in oracle["n"]]}, MART)
    for row in oracle.itertuples():
        patients, months = (
            query(f"select * from {MART} where basis = '{basis}' and level = '{row.n}'")[0]
            for basis in ("patient", "patient_month")
        )
        assert patients["zero_upper"] == pytest.approx(row.exact_binom_1sided95, abs=1e-9)
        assert months["zero_upper"] == pytest.approx(row.exact_poisson_1sided95, abs=1e-9)
        assert months["ci_high"] == pytest.approx(row.exact_poisson_2sided_upper, abs=1e-9)
        if patients["ci_method"] == "clopper_pearson":
            assert patients["ci_high"] == pytest.approx(row.clopper_pearson_2sided_upper, abs=1e-9)


def nothing(patients: int) -> dict[str, Any]:
    return counted(str(patients), patients, 0, patients)


def counted(level: str, patients: int, events: int, months: float) -> dict[str, Any]:
    return {
        "noted_at": "session",
        "dimension": "overall",
        "level": level,
        "ascertainment": "complete",
        "ae_term": "nausea",
        "n_patients": patients,
        "n_occasions": patients,
        "n_patients_with": events,
        "n_occasions_with": events,
        "n_events": events,
        "first_event_months": months,
        "risk_months": months,
        "sum_yy": events,
        "sum_ym": events,
        "sum_mm": patients,
        "sum_ee": events,
        "sum_et": 0.0,
        "sum_tt": 0.0,
        "ascertainment_rate": 1.0,
    }


def test_first_events_per_month_have_the_exact_interval_of_the_oracle(shared: Path, warehouse: Warehouse) -> None:
    oracle = pd.read_csv(shared / "oracles" / "poisson_exact_ci.csv")
    most = int(oracle["events"].max())
    counts = [counted(str(row.Index), most, row.events, row.exposure) for row in oracle.itertuples()]
    patients = [{"patient_no": n, "clinic_id": "C001", "patient_id": str(n), "data_cut_day": 1} for n in range(most)]
    given = {"intermediate.int_ae_count": counts, "intermediate.int_consented_patient": patients}
    query = warehouse(given, MART)
    for row in oracle.itertuples():
        (found,) = query(f"select * from {MART} where basis = 'patient_month' and level = '{row.Index}'")
        assert found["ci_method"] == "garwood"
        assert (found["rate"], found["ci_low"], found["ci_high"]) == pytest.approx(
            (row.rate, row.exact_lo, row.exact_hi), abs=1e-9
        )
