"""The gate: a mart that breaks its contract is named with rule and row count, never with a value."""

import logging
from pathlib import Path

import polars as pl
import pytest

from registry_pipeline.errors import ContractError, GateRefusedError
from registry_pipeline.release.disclosure import suppress, with_flags
from registry_pipeline.release.gate import GateFinding, gate_marts
from registry_pipeline.release.mart_contracts import MartContract, load_mart_contracts
from registry_pipeline.settings import Settings
from tests.release_support import COLUMNS, GOOD, check_mart, mart_contract, mart_frame

# Great Expectations alone takes seconds to import.
pytestmark = pytest.mark.slow

SECRET = 0.7316


@pytest.fixture
def contract(tmp_path: Path) -> MartContract:
    return mart_contract(tmp_path)


def failed_checks(frame: pl.DataFrame, contract: MartContract) -> dict[str, int]:
    return {finding.check.split(".")[1]: finding.n_rows for finding in check_mart(with_flags(frame), contract)}


def one(**change: object) -> pl.DataFrame:
    return mart_frame(("all", 120, 214), ("C001", 60, 100)).with_columns(
        **{
            name: pl.when(pl.col("level") == "all").then(pl.lit(value)).otherwise(name)
            for name, value in change.items()
        }
    )


def test_a_good_mart_has_no_blocking_finding_before_and_after_suppression(contract):
    for frame in (with_flags(GOOD), suppress(GOOD, contract, 10)):
        assert all(
            finding.severity == "warn"
            for finding in gate_marts({"response_rates": contract}, {"response_rates": frame})
        )


@pytest.mark.parametrize(
    ("frame", "failed"),
    [
        (one(rate=1.2, ci_high=1.3), {"rate_range": 1}),
        (one(rate=-0.1, ci_low=-0.2), {"rate_range": 1}),
        (one(ci_low=0.9), {"ci_low_below_rate": 1}),
        (one(ci_high=0.1), {"ci_high_above_rate": 1}),
        (one(numerator=300), {"part_of_whole": 1}),
        (one(ci_method="guess"), {"ci_method_allowed": 1}),
        (one(level="C001"), {"grain_unique": 2}),
        (one(level=None), {"level_required": 1}),
        (one(numerator=None), {"numerator_required": 1}),
        (one(denominator=0, numerator=0), {"rate_is_share": 1, "enough_patients": 1}),
    ],
)
def test_each_fault_is_found_by_its_rule_with_the_number_of_rows(contract, frame, failed):
    assert failed_checks(frame, contract) == failed


@pytest.mark.parametrize(
    "frame",
    [GOOD.drop("rate"), GOOD.with_columns(n_women=pl.lit(3)), GOOD.select(reversed(GOOD.columns))],
    ids=["missing", "undeclared", "reordered"],
)
def test_columns_other_than_the_contract_says_block(contract, frame):
    assert failed_checks(frame, contract) == {"columns": GOOD.height}


def test_a_required_count_may_be_empty_only_in_a_hidden_row(contract):
    hidden = suppress(mart_frame(("all", 3, 214)), contract, 10)
    assert hidden["numerator"].null_count() == 1
    assert check_mart(hidden, contract) == []


def test_a_warning_is_returned_and_does_not_block(contract):
    findings = gate_marts({"response_rates": contract}, {"response_rates": with_flags(GOOD)})
    assert findings == [GateFinding("response_rates", "response_rates.enough_patients", "warn", 1)]


def test_a_refusal_exits_3_and_names_marts_and_checks_but_no_value(contract):
    broken = with_flags(one(ci_high=SECRET - 0.5, rate=SECRET))
    with pytest.raises(GateRefusedError) as caught:
        gate_marts({"response_rates": contract}, {"response_rates": broken})
    assert caught.value.exit_code == 3
    assert "response_rates.ci_high_above_rate (1 rows)" in str(caught.value)
    assert str(SECRET) not in str(caught.value)


def test_a_fault_in_any_state_blocks_and_is_told_once(contract):
    good, broken = with_flags(GOOD), with_flags(one(rate=1.2, ci_high=1.3))
    for states in ((good, broken), (broken, good), (broken, broken)):
        with pytest.raises(GateRefusedError, match=r"failed 1 blocking checks: response_rates\.rate_range \(1 rows\)"):
            gate_marts({"response_rates": contract}, *({"response_rates": frame} for frame in states))


def test_warnings_are_those_of_the_last_state(contract):
    hidden = suppress(GOOD, contract, 10)
    n_warned = len(gate_marts({"response_rates": contract}, {"response_rates": hidden}))
    for first in (with_flags(GOOD), hidden):
        found = gate_marts({"response_rates": contract}, {"response_rates": first}, {"response_rates": hidden})
        assert len(found) == n_warned


def test_great_expectations_logs_nothing(contract, monkeypatch):
    # A handler of our own: pytest's listen to a logger even when it passes nothing on.
    records = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", records.append)
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    check_mart(with_flags(one(rate=SECRET, ci_high=0.1)), contract)
    assert records == []


def test_a_mart_without_a_contract_blocks(contract):
    with pytest.raises(GateRefusedError, match=r"marts\.extra has no contract"):
        gate_marts({"response_rates": contract}, {"response_rates": with_flags(GOOD), "extra": GOOD})


def test_a_contract_without_its_mart_blocks(contract):
    with pytest.raises(GateRefusedError, match="contract response_rates has no mart"):
        gate_marts({"response_rates": contract}, {})


def test_a_check_that_cannot_be_evaluated_blocks_even_when_it_only_warns(tmp_path):
    contract = mart_contract(
        tmp_path, rules="- {id: low, column: ci_method, severity: warn, check: {check: range, min: 0}}"
    )
    findings = check_mart(with_flags(mart_frame(("all", 120, 214))), contract)
    assert [(finding.check, finding.severity) for finding in findings] == [("response_rates.low", "reject")]


def test_an_expression_that_cannot_be_compiled_is_an_error(tmp_path):
    contract = mart_contract(tmp_path, rules='- {id: odd, severity: reject, check: {check: expression, sql: "rate >"}}')
    with pytest.raises(ContractError, match=r"response_rates\.odd"):
        check_mart(with_flags(GOOD), contract)


def test_text_checks_and_a_single_column_grain_are_compiled_too(tmp_path):
    rules = """
    - {id: short, column: level, severity: reject, check: {check: max_length, n: 4}}
    - {id: shape, column: level, severity: reject, check: {check: pattern, regex: "all|C[0-9]+"}}
    - {id: same, severity: reject, check: {check: compare, left: numerator, op: "=", right: denominator}}
    - {id: positive, column: rate, severity: reject, check: {check: range, min: 0, min_exclusive: true}}
    """
    columns = COLUMNS.replace("The instrument., role: key", "The instrument., role: flag")
    contract = mart_contract(tmp_path, columns=columns, rules=rules, grain="[level]")
    frame = mart_frame(("all", 50, 50), ("C001x", 50, 50), ("C2", 0, 50), ("C2", 50, 50))
    assert failed_checks(frame, contract) == {"grain_unique": 2, "short": 1, "shape": 1, "same": 1, "positive": 1}


def test_decimals_are_judged_as_numbers(contract):
    frame = with_flags(one(rate=1.2, ci_high=1.3)).with_columns(
        pl.col("rate", "ci_low", "ci_high").cast(pl.Decimal(9, 4))
    )
    assert failed_checks(frame, contract) == {"rate_range": 1}


def test_every_check_of_every_shipped_mart_can_be_evaluated():
    types = {"VARCHAR": pl.String, "BOOLEAN": pl.Boolean, "DOUBLE": pl.Float64}
    for name, contract in load_mart_contracts(Settings()).items():
        schema = {column.name: types.get(column.physical_type, pl.Int64) for column in contract.columns}
        assert check_mart(pl.DataFrame(schema=schema), contract) == [], name
