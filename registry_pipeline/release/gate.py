"""The release gate: each mart contract compiled to a Great Expectations suite, run on small pandas frames.

What belongs here: compiling, running, refusing. What does not: where frames come from, and disclosure
(`disclosure.py` proves that on its own). Great Expectations takes seconds to import, so it is imported only when
marts are judged.
"""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from registry_pipeline.contracts.model import Compare, Expression, MaxLength, OneOf, Pattern, Range, Severity
from registry_pipeline.errors import ContractError, GateRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from registry_pipeline.release.mart_contracts import MartContract, MartRule

_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}
"""Adds how many rows fail, and still no value of any of them."""

_STATE = "state_of_mart"
"""The column that tells apart the states in which a mart is judged."""


@dataclass(frozen=True)
class GateFinding:
    """A check that a mart fails. Says how many rows, never which values."""

    mart: str
    check: str
    """Rule id, such as `response_rates.rate_range`."""
    severity: Severity
    n_rows: int


@dataclass(frozen=True)
class GateCheck:
    """A check that the gate makes of a mart, in words."""

    id: str
    severity: Severity
    sentence: str


def checks_of(contract: MartContract) -> Iterator[GateCheck]:
    """Yield every check that the gate makes by this contract, in its order."""
    name = contract.name
    yield GateCheck(f"{name}.columns", "reject", "The columns are those of the contract, in its order.")
    for column in contract.columns:
        if column.is_required or column.role == "key":
            when = "is never empty" if column.role == "key" else "is empty only in a hidden row"
            yield GateCheck(_required(contract, column.name), "reject", f"{column.name} {when}.")
    grain = ", ".join(contract.grain)
    yield GateCheck(f"{name}.grain_unique", "reject", f"No two rows share {grain}.")
    for rule in contract.rules:
        yield GateCheck(rule.id, rule.severity, rule.sentence)


def gate_marts(contracts: Mapping[str, MartContract], *states: Mapping[str, pl.DataFrame]) -> list[GateFinding]:
    """Judge every mart by its contract, in every state that it is in, and return what does not block in the last one.

    Args:
        contracts: By the name of the mart.
        states: The marts by name, such as: as they were built, and as they will be shown.

    Raises:
        GateRefusedError: If a mart or a contract is missing, or a check of severity reject fails; names marts and
            checks.
    """
    for frames in states:
        require_contracts(frames, contracts)
    batches = _batches()
    found = {
        name: _check_states(batches, [frames[name] for frames in states], contracts[name]) for name in sorted(contracts)
    }
    # One fault breaks a check in every state, and is told once.
    blocking = {
        finding.check: finding.n_rows
        for in_states in found.values()
        for findings in reversed(in_states)
        for finding in findings
        if finding.severity == "reject"
    }
    if blocking:
        listed = ", ".join(f"{check} ({n_rows} rows)" for check, n_rows in blocking.items())
        raise GateRefusedError(
            f"The marts failed {len(blocking)} blocking checks: {listed}.",
            remedy="Nothing was published and the previous release stays. Mend the model, or the deliveries it reads.",
        )
    return [finding for in_states in found.values() for finding in in_states[-1]]


def check_marts(
    contracts: Mapping[str, MartContract], frames: Mapping[str, pl.DataFrame]
) -> dict[str, list[GateFinding]]:
    """Return every check that each mart fails, in the order of its contract."""
    batches = _batches()
    return {name: _check_states(batches, [frames[name]], contract)[0] for name, contract in contracts.items()}


def _check_states(batches: Any, frames: Sequence[pl.DataFrame], contract: MartContract) -> list[list[GateFinding]]:
    """Return the findings of each state of a mart.

    All states are validated at once, since most of the time goes into what Great Expectations does per check; only
    what fails is looked at state by state.
    """
    is_wrong = [tuple(frame.columns) != contract.column_names for frame in frames]
    if any(is_wrong):
        # No other check can be trusted, or even run, on other columns.
        found = [GateFinding(contract.name, f"{contract.name}.columns", "reject", frame.height) for frame in frames]
        return [[finding] if wrong else [] for finding, wrong in zip(found, is_wrong, strict=True)]
    prepared = [
        frame.with_columns(pl.col(pl.Decimal).cast(pl.Float64), *_holding(contract), pl.lit(number).alias(_STATE))
        for number, frame in enumerate(frames)
    ]
    together = pl.concat(prepared, how="vertical_relaxed")
    expectations = list(_expectations(contract, together.columns))
    results = _validate(batches, together, expectations, "BOOLEAN_ONLY")
    failed = [expectation for expectation in expectations if not _passed(results, expectation)]
    return [list(_findings(batches, frame, failed, contract.name)) for frame in prepared]


def _findings(batches: Any, frame: pl.DataFrame, failed: list[Any], mart: str) -> Iterator[GateFinding]:
    if not failed:
        return
    counted = _validate(batches, frame, failed, _COUNTS_ONLY)
    for expectation in failed:
        if not _passed(counted, expectation):
            yield _finding(mart, expectation, counted)


def require_contracts(frames: Iterable[str], contracts: Iterable[str]) -> None:
    """Refuse marts without a contract and contracts without a mart.

    Raises:
        GateRefusedError: Naming them.
    """
    without_contract, without_mart = sorted(set(frames) - set(contracts)), sorted(set(contracts) - set(frames))
    if without_contract or without_mart:
        words = [f"marts.{name} has no contract" for name in without_contract]
        words += [f"the contract {name} has no mart" for name in without_mart]
        raise GateRefusedError(
            f"Marts and contracts do not match: {', '.join(words)}.",
            remedy="Every public mart needs one file in data_contracts/marts, and every file there a mart.",
        )


def _holding(contract: MartContract) -> Iterator[pl.Expr]:
    """Yield a column per check that GX cannot express on pandas, saying whether it holds; named as the check."""
    for column in contract.columns:
        if column.is_required and column.role != "key":
            # A hidden row has lost its numbers on purpose.
            holds = pl.col(column.name).is_not_null() | pl.col("is_suppressed").fill_null(value=False)
            yield holds.alias(_required(contract, column.name))
    for rule in contract.rules:
        if isinstance(rule.check, Expression):
            yield _compiled(rule, rule.check.sql)


def _compiled(rule: MartRule, sql: str) -> pl.Expr:
    try:
        return pl.sql_expr(sql).fill_null(value=True).alias(rule.id)
    except pl.exceptions.PolarsError as error:
        raise ContractError(f"The expression of {rule.id} cannot be compiled.", remedy="Mend its SQL.") from error


def _required(contract: MartContract, column: str) -> str:
    return f"{contract.name}.{column}_required"


def _expectations(contract: MartContract, columns: list[str]) -> Iterator[Any]:
    gxe = _great_expectations().expectations
    name = contract.name
    yield gxe.ExpectTableColumnsToMatchOrderedList(column_list=columns, meta=_meta(f"{name}.columns"))
    for column in contract.columns:
        meta = _meta(_required(contract, column.name))
        if column.role == "key":
            yield gxe.ExpectColumnValuesToNotBeNull(column=column.name, meta=meta)
        elif column.is_required:
            yield gxe.ExpectColumnValuesToBeInSet(column=meta["rule"], value_set=[True], meta=meta)
    yield gxe.ExpectCompoundColumnsToBeUnique(
        column_list=[*contract.grain, _STATE], ignore_row_if="never", meta=_meta(f"{name}.grain_unique")
    )
    for rule in contract.rules:
        yield _expectation(gxe, rule)


def _expectation(gxe: Any, rule: MartRule) -> Any:
    meta, check, column = _meta(rule.id, rule.severity), rule.check, rule.column
    match check:
        case Range():
            return gxe.ExpectColumnValuesToBeBetween(
                column=column,
                min_value=None if check.min is None else float(check.min),
                max_value=None if check.max is None else float(check.max),
                strict_min=check.min_exclusive,
                meta=meta,
            )
        case OneOf():
            return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(check.values), meta=meta)
        case Pattern():
            return gxe.ExpectColumnValuesToMatchRegex(column=column, regex=f"^(?:{check.regex})$", meta=meta)
        case MaxLength():
            return gxe.ExpectColumnValueLengthsToBeBetween(column=column, max_value=check.n, meta=meta)
        case Compare():
            return _comparison(gxe, check, meta)
        case Expression():
            return gxe.ExpectColumnValuesToBeInSet(column=rule.id, value_set=[True], meta=meta)


def _comparison(gxe: Any, check: Compare, meta: dict[str, str]) -> Any:
    either = "either_value_is_missing"
    if check.op == "=":
        return gxe.ExpectColumnPairValuesToBeEqual(
            column_A=check.left, column_B=check.right, ignore_row_if=either, meta=meta
        )
    greater, less = (check.left, check.right) if check.op.startswith(">") else (check.right, check.left)
    return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A=greater, column_B=less, or_equal=check.op.endswith("="), ignore_row_if=either, meta=meta
    )


def _meta(rule_id: str, severity: Severity = "reject") -> dict[str, str]:
    return {"rule": rule_id, "severity": severity}


def _great_expectations() -> Any:
    """Import Great Expectations: without its telemetry, its deprecation noise, and logs that could quote a cell."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import great_expectations  # noqa: PLC0415 - seconds to import; only a new release needs it
        import great_expectations.expectations  # noqa: PLC0415 - likewise
    logger = logging.getLogger("great_expectations")
    if logger.propagate:
        # Its children set levels of their own, so nothing short of this keeps them quiet.
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
    return great_expectations


def _batches() -> Any:
    """Return what makes a batch of a frame."""
    context = _great_expectations().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return (
        context.data_sources.add_pandas("marts").add_dataframe_asset("mart").add_batch_definition_whole_dataframe("all")
    )


def _validate(batches: Any, frame: pl.DataFrame, expectations: list[Any], result_format: Any) -> dict[str, Any]:
    """Return each result by rule id; GX reorders them."""
    suite = _great_expectations().ExpectationSuite(name="contract", expectations=expectations)
    batch = batches.get_batch({"dataframe": frame.to_pandas()})
    results = batch.validate(suite, result_format=result_format).results
    return {result.expectation_config.meta["rule"]: result for result in results}


def _passed(results: dict[str, Any], expectation: Any) -> bool:
    result = results.get(expectation.meta["rule"])
    return result is not None and bool(result.success)


def _finding(mart: str, expectation: Any, results: dict[str, Any]) -> GateFinding:
    rule, severity = expectation.meta["rule"], expectation.meta["severity"]
    result = results.get(rule)
    n_rows = result.result.get("unexpected_count") if result is not None else None
    if n_rows is None:
        # GX could not evaluate the check at all: nothing is known to hold, so even a warning blocks.
        return GateFinding(mart, rule, "reject", 0)
    return GateFinding(mart, rule, severity, int(n_rows))
