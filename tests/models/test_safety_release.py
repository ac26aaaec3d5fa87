"""The release gate takes the safety marts, hides their small cells, and shows the rest."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from registry_pipeline.release.disclosure import assert_nothing_small, suppress
from registry_pipeline.release.mart_contracts import load_mart_contracts
from registry_pipeline.settings import Settings
from tests.models import test_haemodynamics as vitals
from tests.models import test_safety as safety
from tests.models.test_suicidality import registry as scored
from tests.models.test_timing import event as timed_event
from tests.models.test_timing import session as timed_session
from tests.oracles.test_recurrence import followed
from tests.release_support import check_mart
from tests.warehouse_harness import Warehouse

Tables = dict[str, list[dict[str, Any]]]
PATIENTS = 40


def recurrence() -> Tables:
    return followed(dict.fromkeys(range(PATIENTS), 60), [(patient, patient) for patient in range(20)])


def timing() -> Tables:
    noted = {"noted_at": "session", "ascertainment": "complete", "ae_term": "nausea", "n_patients_with": 20}
    routes = ["iv"] * 35 + ["im"] * 5
    strata = [("overall", "all", PATIENTS), ("route", "iv", 35), ("route", "im", 5)]
    return {
        "intermediate.int_session": [timed_session(n, route_code=route) for n, route in enumerate(routes)],
        "staging.stg_adverse_event": [timed_event(n, 5 + n, 40 + 2 * n) for n in range(PATIENTS)],
        "intermediate.int_ae_count": [
            {**noted, "dimension": dimension, "level": level, "n_patients_with": n} for dimension, level, n in strata
        ],
    }


def haemodynamics() -> Tables:
    places = ["on_site"] * 35 + ["home"] * 5
    return {
        "intermediate.int_session": [
            vitals.session(n, place_code=place, session_kind_no=1 + (place == "home")) for n, place in enumerate(places)
        ],
        "staging.stg_session_vital": [
            row for n in range(PATIENTS) for row in vitals.pressures(f"{n}-1", 120, 190 if n < 15 else 130)
        ],
    }


def signals() -> Tables:
    given = safety.registry(PATIENTS)
    given["staging.stg_followup_contact"] = [
        safety.contact(
            n, 30, luts_status="symptoms" if n % 2 else "none", misuse_screen="positive" if n < 3 else "negative"
        )
        for n in range(1, PATIENTS + 1)
    ]
    given["staging.stg_adverse_event"] = [safety.event("mania", session_id=f"{n}-1") for n in (1, 2, 3)]
    return given


def suicidality() -> Tables:
    return scored({n: (3.0, 2.0 if n <= 20 else 3.0) for n in range(1, PATIENTS + 1)} | {41: (0.0, 1.0)})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mart", "tables"),
    [
        ("adverse_event_recurrence", recurrence),
        ("adverse_event_timing", timing),
        ("haemodynamics", haemodynamics),
        ("safety_signals", signals),
        ("long_term_signals", signals),
        ("suicidality", suicidality),
    ],
)
def test_the_gate_takes_the_mart_before_and_after_suppression(
    warehouse: Warehouse, mart: str, tables: Callable[[], Tables]
) -> None:
    contract = load_mart_contracts(Settings())[mart]
    built = warehouse(tables(), f"marts.{mart}")(f"select * from marts.{mart}")
    frame = pl.DataFrame(built, infer_schema_length=None)
    released = suppress(frame, contract, 10)
    assert_nothing_small(released, contract, 10)
    assert 0 < released["is_suppressed"].sum() < released.height
    for judged in (frame, released):
        assert [finding for finding in check_mart(judged, contract) if finding.severity == "reject"] == []
