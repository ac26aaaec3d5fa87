"""The Data Docs of a release: every check with its outcome, no value of any mart, and nothing from the network."""

import re

import polars as pl
import pytest

from registry_pipeline.release.data_docs import PAGE, write_data_docs
from registry_pipeline.release.disclosure import suppress
from registry_pipeline.release.gate import GateFinding, checks_of, gate_marts
from registry_pipeline.release.mart_contracts import load_mart_contracts
from registry_pipeline.settings import Settings
from tests.release_support import mart_contract, mart_frame

LEVEL, NUMERATOR, DENOMINATOR = "CANARY-7f3a", 73_911, 91_773
"""Cells of the mart, in one row that passes every check and in one that fails a warning."""


@pytest.fixture
def contract(tmp_path):
    rules = """
    - {id: rate_range, column: rate, severity: reject, check: {check: range, min: 0, max: 1}}
    - {id: small, column: numerator, severity: warn, check: {check: range, max: 73910}}
    - {id: no_canary, column: level, severity: warn, check: {check: one_of, values: [all]}}
    """
    return mart_contract(tmp_path / "marts", rules=rules)


@pytest.fixture
def shown(contract):
    return suppress(mart_frame(("all", 12_000, 15_000), (LEVEL, NUMERATOR, DENOMINATOR), ("x", 3, 40)), contract, 10)


def page(folder, contract, shown, findings):
    write_data_docs(folder, {contract.name: contract}, {contract.name: shown}, findings)
    return (folder / PAGE).read_text()


@pytest.mark.slow
def test_no_cell_of_a_mart_gets_into_the_docs_not_even_of_a_row_that_fails(tmp_path, contract, shown):
    findings = gate_marts({contract.name: contract}, {contract.name: shown})
    assert {finding.check for finding in findings} == {"response_rates.small", "response_rates.no_canary"}
    page(tmp_path / "staged", contract, shown, findings)
    written = [file for file in (tmp_path / "staged").rglob("*") if file.is_file()]
    assert [file.name for file in written] == ["index.html"]
    text = written[0].read_text()
    for cell in (LEVEL, "phq9", NUMERATOR, DENOMINATOR, 12_000, 15_000):
        assert str(cell) not in text
        assert f"{cell:,}" not in text if isinstance(cell, int) else True
    assert str(NUMERATOR / DENOMINATOR)[:6] not in text
    assert "does not hold on 2 rows" in text


def test_every_check_stands_there_with_its_sentence_and_outcome(tmp_path, contract, shown):
    text = page(tmp_path, contract, shown, [GateFinding("response_rates", "response_rates.small", "warn", 1_234)])
    for check in checks_of(contract):
        assert f"<code>{check.id.removeprefix('response_rates.')}</code>" in text
        assert check.sentence in text
    assert text.count("<td>holds</td>") == len(list(checks_of(contract))) - 1
    assert "does not hold on 1,234 rows" in text


def test_the_page_needs_nothing_from_anywhere(tmp_path, contract, shown):
    text = page(tmp_path, contract, shown, [])
    assert re.findall(r"https?://|<script|<link|@import|url\(", text) == []
    assert set(re.findall(r'href="(.)', text)) == {"#"}


def test_the_same_outcome_gives_the_same_bytes(tmp_path, contract, shown):
    assert page(tmp_path / "a", contract, shown, []) == page(tmp_path / "b", contract, shown, [])


def test_the_docs_of_every_shipped_mart_stay_small(tmp_path):
    contracts = load_mart_contracts(Settings())
    frames = {name: pl.DataFrame(schema={"is_suppressed": pl.Boolean}) for name in contracts}
    write_data_docs(tmp_path, contracts, frames, [])
    assert (tmp_path / PAGE).stat().st_size < 500_000
    for contract in contracts.values():
        assert f'<h2 id="{contract.name}">' in (tmp_path / PAGE).read_text()


@pytest.mark.slow
def test_the_docs_name_the_very_checks_that_great_expectations_is_given():
    from registry_pipeline.release.gate import _expectations

    for contract in load_mart_contracts(Settings()).values():
        given = [expectation.meta for expectation in _expectations(contract, list(contract.column_names))]
        told = [{"rule": check.id, "severity": check.severity} for check in checks_of(contract)]
        assert told == given
