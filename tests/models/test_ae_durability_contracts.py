"""The release gate takes what the adverse-event and durability models make."""

from typing import Any

import polars as pl
import pytest

from registry_pipeline.release.disclosure import assert_nothing_small, suppress
from registry_pipeline.release.mart_contracts import MartContract, load_mart_contracts
from registry_pipeline.settings import Settings
from tests.models.test_ae import event, session, tables
from tests.models.test_durability import STATUSES, life_tables
from tests.release_support import check_mart
from tests.warehouse_harness import Warehouse

MARTS = ["adverse_event_frequencies", "durability_of_relief", "durability_curves"]


@pytest.fixture(scope="module")
def contracts() -> dict[str, MartContract]:
    return load_mart_contracts(Settings())


def built(warehouse: Warehouse, mart: str) -> list[dict[str, Any]]:
    if mart.startswith("durability"):
        given = life_tables(STATUSES)
        for row in given["intermediate.int_cohort"][:5]:
            row["clinic_id"] = "C002"
    else:
        sessions = [session(str(patient), number, number) for patient in range(40) for number in range(3)]
        given = tables(sessions, [event(row["session_id"], "nausea", 0) for row in sessions[:60:2]])
    return warehouse(given, f"marts.{mart}")(f"select * from marts.{mart}")


@pytest.mark.slow
@pytest.mark.parametrize("mart", MARTS)
def test_the_gate_takes_the_mart_before_and_after_suppression(
    warehouse: Warehouse, contracts: dict[str, MartContract], mart: str
) -> None:
    contract = contracts[mart]
    frame = pl.DataFrame(built(warehouse, mart), infer_schema_length=None)
    released = suppress(frame, contract, 10)
    assert_nothing_small(released, contract, 10)
    assert 0 < released["is_suppressed"].sum() < released.height
    for judged in (frame, released):
        assert [finding for finding in check_mart(judged, contract) if finding.severity == "reject"] == []
