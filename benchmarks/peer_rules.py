"""The contract's rules as a pandera schema for pandas: what a pandas user would write, made from the same contracts.

What belongs here: rules. What does not: reading, writing, rejects. A rule that has no form here stops the benchmark, so
that the comparison never rests on a peer that checks less without saying so.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd
import pandera.pandas as pa

from registry_pipeline.contracts.model import (
    Compare,
    Expression,
    IdentifierFree,
    MaxLength,
    OneOf,
    Pattern,
    Range,
    RangeBy,
    Required,
    Rule,
    TableContract,
    TypeCheck,
)
from registry_pipeline.deid.guard import Identifiers

ARROW = "string[pyarrow]"
_DTYPES = {"SMALLINT": "Int16", "INTEGER": "Int32", "BOOLEAN": "boolean"}

Holds = Callable[[pd.DataFrame], "pd.Series[bool]"]

_AGE_BANDS = ([18, 25, 35, 45, 55, 65, 75, 90, 1000], ["18-24", "25-34", "35-44", "45-54", "55-64", "65-74", "75-89"])


def _band(age: "pd.Series[int]") -> "pd.Series[str]":
    edges, labels = _AGE_BANDS
    return pd.cut(age.astype("Float64"), edges, right=False, labels=[*labels, "90+"]).astype("string[pyarrow]")


_WORDS = dict.fromkeys(("true", "1", "yes", "t", "y"), True) | dict.fromkeys(("false", "0", "no", "f", "n"), False)


def read_boolean(text: "pd.Series[str]") -> "pd.Series[bool]":
    """Return the booleans that words stand for; pandas itself does not turn Arrow text into booleans."""
    return text.str.lower().map(_WORDS).astype("boolean")


def identifier_pattern(identifiers: Identifiers) -> str:
    """Return one expression for all identifiers, with flags where Python's `re` accepts them."""
    patterns = [row.expression for row in identifiers.patterns.in_text.rows]
    return "|".join(f"(?i:{p.removeprefix('(?i)')})" if p.startswith("(?i)") else f"(?:{p})" for p in patterns)


def _is_iff(left: "pd.Series[bool]", right: "pd.Series[bool]") -> "pd.Series[bool]":
    return left.astype("boolean") == right.astype("boolean")


EXPRESSIONS: dict[str, Holds] = {
    "adverse_event.one_contact": lambda d: d.session_id.isna() != d.followup_id.isna(),
    "adverse_event.sae_reason_iff_serious": lambda d: _is_iff(d.serious, d.sae_reason.notna()),
    "adverse_event.fatal_iff_grade_5": lambda d: _is_iff(d.ctcae_grade == 5, d.outcome == "fatal"),  # noqa: PLR2004 - CTCAE's
    "adverse_event.fatal_without_grade": lambda d: ~((d.outcome == "fatal") & d.ctcae_grade.isna()),
    "adverse_event.no_end_while_ongoing": lambda d: ~(d.ongoing & d.end_min.notna()),
    "outcome_assessment.score_given": lambda d: d.total.notna() | (d.n_items_answered.notna() & d.items_sum.notna()),
    "outcome_assessment.minutes_post_only_post": lambda d: d.minutes_post.isna() | (d.timing_rel_dose == "post"),
    "patient.index_year_not_future": lambda d: d.index_year <= datetime.now(UTC).year,
    "patient.age_band_matches_age": lambda d: d.age_band == _band(d.age_years),
    "patient.age_ge_46_matches_age": lambda d: _is_iff(d.age_ge_46, d.age_years >= 46),  # noqa: PLR2004 - the contract's
    "patient.age_ge_46_matches_band": lambda d: (
        (d.age_band == "45-54") | _is_iff(d.age_ge_46, d.age_band.isin(["55-64", "65-74", "75-89", "90+"]))
    ),
    "session.implied_weight": lambda d: (
        (d.dose_mg >= 28.5 * d.dose_mg_per_kg) & (d.dose_mg <= 262.5 * d.dose_mg_per_kg)
    ),
    "session.dose_mg_per_kg_unusual": lambda d: (
        ~(
            (d.dose_mg_per_kg > 2) & (d.duration_min <= 120) & (d.setting != "hospital")  # noqa: PLR2004 - the contract's
        )
    ),
    "session.esketamine_dose_unusual": lambda d: (
        ~((d.drug == "esketamine") & (d.route == "intranasal") & ~d.dose_mg.isin([28, 56, 84]))
    ),
}
"""Expressions of the contracts by hand, as pandas users write them."""


@dataclass(frozen=True)
class PeerTable:
    """One table as the peer validates it."""

    name: str
    key: list[str]
    booleans: list[str]
    schema: pa.DataFrameSchema
    warning_schema: pa.DataFrameSchema
    n_rules: int


def peer_table(contract: TableContract, identifiers: str, text: str) -> PeerTable:
    """Compile a contract to pandera schemas: one whose failures refuse a row, one whose failures only warn.

    Args:
        contract: The rules.
        identifiers: One regular expression for everything that points to a person.
        text: The dtype of text.
    """
    own = [rule for rule in contract.rules if rule.column != "clinic_id"]
    refusing = [rule for rule in own if rule.severity == "reject"]
    warning = [rule for rule in own if rule.severity == "warn"]
    return PeerTable(
        contract.name,
        list(contract.key),
        [column.name for column in contract.columns if column.physical_type == "BOOLEAN"],
        _schema(contract, refusing, identifiers, text),
        _schema(contract, warning, identifiers, text),
        len(own),
    )


def _schema(contract: TableContract, rules: list[Rule], identifiers: str, text: str) -> pa.DataFrameSchema:
    by_column: dict[str, list[pa.Check]] = {}
    row_checks: list[pa.Check] = []
    required = {rule.column for rule in rules if isinstance(rule.check, Required)}
    for rule in rules:
        check = _check(rule, identifiers)
        if check is not None and isinstance(rule.check, Expression | Compare | RangeBy):
            row_checks.append(check)
        elif check is not None and rule.column is not None:
            by_column.setdefault(rule.column, []).append(check)
    columns = {
        column.name: pa.Column(
            text if column.physical_type == "VARCHAR" else _DTYPES.get(column.physical_type, "Float64"),
            checks=by_column.get(column.name),
            nullable=column.name not in required,
            coerce=True,
        )
        for column in contract.columns
    }
    return pa.DataFrameSchema(columns, checks=row_checks)


def _check(rule: Rule, identifiers: str) -> pa.Check | None:
    check = rule.check
    match check:
        case TypeCheck() | Required():
            return None  # `coerce` and `nullable` of the column
        case Range():
            return pa.Check(_in_range(check), name=rule.id)
        case OneOf():
            return pa.Check.isin(check.values, name=rule.id)
        case Pattern():
            return pa.Check.str_matches(f"^(?:{check.regex})$", name=rule.id)
        case MaxLength():
            return pa.Check.str_length(max_value=check.n, name=rule.id)
        case IdentifierFree():
            return pa.Check(lambda text: ~text.str.contains(identifiers), name=rule.id)
        case Compare() | RangeBy() | Expression():
            holds = _row_rule(rule)
            # As in the contract, a rule holds where it comes out as null.
            return pa.Check(lambda frame: holds(frame).astype("boolean").fillna(value=True), name=rule.id)


def _in_range(check: Range) -> Callable[["pd.Series[float]"], "pd.Series[bool]"]:
    low = float("-inf") if check.min is None else float(check.min)
    high = float("inf") if check.max is None else float(check.max)
    return lambda value: value.between(low, high, inclusive="right" if check.min_exclusive else "both")


def _row_rule(rule: Rule) -> Holds:
    check = rule.check
    if isinstance(check, Compare):
        method = {"<": "lt", "<=": "le", "=": "eq", ">=": "ge", ">": "gt"}[check.op]
        return lambda frame: getattr(frame[check.left], method)(frame[check.right])
    if isinstance(check, RangeBy):
        column = str(rule.column)
        lows = {name: float(low) for name, low, _ in check.ranges}
        highs = {name: float(high) for name, _, high in check.ranges}
        return lambda frame: frame[column].between(frame[check.key].map(lows), frame[check.key].map(highs))
    return EXPRESSIONS.get(rule.id) or _from_sql(rule)


def _from_sql(rule: Rule) -> Holds:
    """Read the two long lists of the contracts from their SQL, rather than copy them."""
    sql = rule.check.sql if isinstance(rule.check, Expression) else ""
    if rule.id == "patient.region_not_restricted":
        restricted = re.findall(r"'(\d+)'", sql)
        return lambda frame: ~frame.region.isin(restricted)
    if rule.id == "outcome_assessment.n_items_answered_fits":
        most = {name: int(n) for name, n in re.findall(r"when '(\w+)' then (\d+)", sql)}
        return lambda frame: frame.n_items_answered <= frame.instrument.map(most).astype("Int16")
    raise SystemExit(f"the peer has no form of the rule {rule.id}; write it in benchmarks/peer_rules.py")
