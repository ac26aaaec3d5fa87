"""Every mart has a contract, and the two agree; nobody has to remember this for a new one."""

import re
from pathlib import Path

import pytest

from registry_pipeline.content import content_path
from registry_pipeline.release.mart_contracts import SUPPRESSION_FLAGS, MartContract, load_mart_contract
from registry_pipeline.settings import Settings
from tests.warehouse_harness import Project

FILES = sorted(content_path("data_contracts/marts").glob("*.odcs.yaml"))
MODELS = sorted(
    file.stem for file in content_path("dbt_like_sql/models/marts").glob("*.*") if file.suffix in {".sql", ".py"}
)
TYPES = {"TEXT": "VARCHAR", "INT": "INTEGER"}
CAUSAL = {"effective", "effectiveness", "efficacy", "works", "causes", "benefit", "benefits"}


@pytest.fixture(params=FILES, ids=lambda file: file.name.split(".")[0])
def contract(request: pytest.FixtureRequest) -> MartContract:
    return load_mart_contract(request.param, Settings().vocabulary_path)


def test_every_mart_has_a_contract_and_every_contract_a_mart() -> None:
    assert [file.name.split(".")[0] for file in FILES] == MODELS


def test_the_contract_has_the_columns_and_types_of_the_model(project: Project, contract: MartContract) -> None:
    modelled = {name: TYPES.get(kind, kind) for name, kind in project.columns(f"marts.{contract.name}").items()}
    assert {column.name: column.physical_type for column in contract.columns} == modelled


def test_the_grain_is_the_models_grain(project: Project, contract: MartContract) -> None:
    assert set(project.models[f"marts.{contract.name}"].grain) == set(contract.grain)


def test_a_mart_carries_the_flags_of_disclosure_control(contract: MartContract) -> None:
    assert contract.column_names[-2:] == SUPPRESSION_FLAGS


def test_every_part_of_a_whole_is_guarded_by_its_complement(contract: MartContract) -> None:
    if {"numerator", "denominator"} <= set(contract.with_role("count")):
        assert ("denominator", "numerator") in contract.complements


def test_a_mart_says_observed_and_never_says_a_causal_word(contract: MartContract) -> None:
    words = " ".join([contract.description, *(column.description for column in contract.columns)]).lower()
    assert "observed in registry, uncontrolled" in words
    assert not CAUSAL & set(re.findall(r"[a-z]+", words))


def test_every_mart_has_a_page_that_says_how_it_is_computed(contract: MartContract) -> None:
    pages = Path(__file__).resolve().parents[2] / "docs" / "marts"
    assert any(f"marts.{contract.name}" in page.read_text(encoding="utf-8") for page in pages.glob("*.md"))
