"""The contracts of the adverse-event and durability marts fit the models, and the release gate takes what they make."""

from typing import Any

import polars as pl
import pytest

from registry_pipeline.release.disclosure import assert_nothing_small, suppress
from registry_pipeline.release.gate import check_mart
from registry_pipeline.release.mart_contracts import MartContract, load_mart_contracts
from registry_pipeline.settings import Settings
from tests.models.test_ae import event, session, tables
from tests.models.test_durability import STATUSES, life_tables
from tests.warehouse_harness import Project, Warehouse

MARTS = ["adverse_event_frequencies", "durability_of_relief", "durability_curves"]
CAUSAL = ("effective", "efficacy", "works", "causes", "benefit")


@pytest.fixture(scope="module")
def contracts() -> dict[str, MartContract]:
    return load_mart_contracts(Settings())


@pytest.mark.parametrize("mart", MARTS)
def test_the_contract_has_the_columns_types_and_words_of_the_model(
    project: Project, contracts: dict[str, MartContract], mart: str
) -> None:
    model = project.models[f"marts.{mart}"]
    types = {"TEXT": "VARCHAR", "INT": "INTEGER"}
    modelled = {name: types.get(kind, kind) for name, kind in project.columns(f"marts.{mart}").items()}
    assert {column.name: column.physical_type for column in contracts[mart].columns} == modelled
    assert {column.name: column.description for column in contracts[mart].columns} == model.column_descriptions
    assert contracts[mart].description == model.description


@pytest.mark.parametrize("mart", MARTS)
def test_a_mart_says_observed_and_never_says_a_causal_word(contracts: dict[str, MartContract], mart: str) -> None:
    contract = contracts[mart]
    words = " ".join([contract.description, *(column.description for column in contract.columns)]).lower()
    assert "observed in registry, uncontrolled" in words
    assert not [word for word in CAUSAL if word in words.split()]


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
