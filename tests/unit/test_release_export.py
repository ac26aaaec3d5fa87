"""The marts as plain files: the same rows, the same bytes each time, and a package that describes them."""

import hashlib
import json
from pathlib import Path

import duckdb
import polars as pl
import pytest

from registry_pipeline.release.disclosure import suppress
from registry_pipeline.release.export import write_exports
from registry_pipeline.release.mart_contracts import MartContract
from tests.release_support import mart_contract, mart_frame

MART = mart_frame(("all", 120, 214), ("C001", 110, 150), ("C002", 10, 64), ("C003", 0, 40), ("C004", 0, 0))


@pytest.fixture
def contract(tmp_path: Path) -> MartContract:
    return mart_contract(tmp_path / "contracts")


@pytest.fixture
def shown(contract: MartContract) -> pl.DataFrame:
    return suppress(MART, contract, small_cell=10)


@pytest.fixture
def folder(tmp_path: Path, contract: MartContract, shown: pl.DataFrame) -> Path:
    return export(tmp_path / "release", shown, contract)


def export(release: Path, shown: pl.DataFrame, contract: MartContract) -> Path:
    release.mkdir()
    write_exports(release, {contract.name: shown}, {contract.name: contract}, "20260102-0123456789")
    return release / "marts"


def package(folder: Path) -> dict:
    return json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))


def test_the_same_rows_give_the_same_bytes_in_whatever_order_they_come(tmp_path, folder, shown, contract):
    again = export(tmp_path / "again", shown.reverse(), contract)
    assert sorted(path.name for path in folder.iterdir()) == [
        "datapackage.json",
        "response_rates.csv",
        "response_rates.parquet",
    ]
    for path in folder.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes()


def test_parquet_holds_the_mart_as_shown(folder, shown):
    assert pl.read_parquet(folder / "response_rates.parquet").equals(shown)


def test_csv_holds_the_mart_as_shown_and_a_hidden_number_is_an_empty_cell(folder, shown):
    read = pl.read_csv(folder / "response_rates.csv", schema=shown.schema)
    assert read.equals(shown)
    (hidden,) = [line for line in (folder / "response_rates.csv").read_text().splitlines() if "C002" in line]
    assert ",,,,," in hidden


def test_both_files_open_in_duckdb_with_the_same_rows(folder):
    count, hidden = duckdb.sql(
        f"select count(*), count(*) filter (is_suppressed) from '{folder / 'response_rates.parquet'}'"
    ).fetchone()
    assert duckdb.sql(
        f"select count(*), count(*) filter (is_suppressed) from '{folder / 'response_rates.csv'}'"
    ).fetchone() == (
        count,
        hidden,
    )


def test_the_package_has_every_field_of_the_contract_in_order_and_the_grain_as_key(folder, contract):
    found = package(folder)
    table = found["resources"][0]
    schema = table["schema"]
    assert [field["name"] for field in schema["fields"]] == list(contract.column_names)
    assert {field["name"]: field["description"] for field in schema["fields"]} == {
        column.name: column.description for column in contract.columns
    }
    assert {field["name"]: field["type"] for field in schema["fields"]}["numerator"] == "integer"
    assert {field["name"]: field["type"] for field in schema["fields"]}["is_suppressed"] == "boolean"
    assert schema["primaryKey"] == list(contract.grain)
    assert schema["missingValues"] == [""]


def test_the_package_names_release_and_licence_every_file_and_the_hash_of_the_text(folder):
    found = package(folder)
    assert found["version"] == "20260102-0123456789"
    assert all(licence["name"] for licence in found["licenses"])
    assert {resource["path"] for resource in found["resources"]} == {"response_rates.csv", "response_rates.parquet"}
    content = (folder / "response_rates.csv").read_bytes()
    assert found["resources"][0]["bytes"] == len(content)
    assert found["resources"][0]["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    names = [resource["name"] for resource in found["resources"]]
    assert len(names) == len(set(names))


def test_a_mart_without_rows_is_exported_with_its_columns(tmp_path, contract, shown):
    folder = export(tmp_path / "empty", shown.clear(), contract)
    assert (folder / "response_rates.csv").read_text() == f"{','.join(contract.column_names)}\n"
    assert pl.read_parquet(folder / "response_rates.parquet").schema == shown.schema
