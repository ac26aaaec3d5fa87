"""What a contract says, free of any file format and any engine: tables, columns, rules, foreign keys."""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal

Severity = Literal["reject", "warn"]
Dimension = Literal["conformance", "completeness", "plausibility"]
"""The three of Kahn's data-quality framework."""
Layer = Literal["shared", "restricted", "internal"]
Origin = Literal["clinic", "feed", "receipt"]
"""Who makes the rows of a table: clinics send them, or the registry derives them from its feeds or its receipts."""
Operator = Literal["<", "<=", "=", ">=", ">"]

PHYSICAL_TYPE = re.compile(r"VARCHAR|SMALLINT|INTEGER|BOOLEAN|DECIMAL\((\d+),(\d+)\)")
"""The types of the registry; of a decimal, the digits in all and those after the point."""


@dataclass(frozen=True)
class TypeCheck:
    """The text of the cell can be read as the column's type."""


@dataclass(frozen=True)
class Required:
    """The cell is not empty."""


@dataclass(frozen=True)
class Range:
    """The number lies between the bounds, which belong to it unless `min_exclusive`."""

    min: Decimal | None = None
    max: Decimal | None = None
    min_exclusive: bool = False


@dataclass(frozen=True)
class OneOf:
    """The text is one of a closed list."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Pattern:
    """The whole text matches a regular expression (RE2)."""

    regex: str


@dataclass(frozen=True)
class MaxLength:
    """The text has at most `n` characters."""

    n: int


@dataclass(frozen=True)
class Compare:
    """One column stands in an order relation to another of the same row; holds when either is empty."""

    left: str
    op: Operator
    right: str


@dataclass(frozen=True)
class Expression:
    """A boolean SQL expression over the row; holds when it is null."""

    sql: str


@dataclass(frozen=True)
class RangeBy:
    """The number lies in the range that a vocabulary gives for the row's own `key` (a score, by its instrument)."""

    key: str
    vocabulary: str
    ranges: tuple[tuple[str, Decimal, Decimal], ...]
    """(key value, min, max), read from the vocabulary at load."""


@dataclass(frozen=True)
class IdentifierFree:
    """The free text shows none of the direct identifiers that patterns can see."""


@dataclass(frozen=True)
class Summary:
    """What the rows of a table or vocabulary say together about a row: one line for each group of them."""

    name: str
    """What the rule's SQL calls it."""
    of: str
    """A table of the clinic, or `reference.<vocabulary>`."""
    by: tuple[str, ...]
    """SQL over a row of `of`: the group that it belongs to."""
    row: tuple[str, ...]
    """SQL over the row that is judged: the group that speaks about it."""
    where: str | None
    values: tuple[tuple[str, str], ...]
    """(name, aggregate over the group)."""
    vocabulary: tuple[str, ...] = ()
    """The columns of the vocabulary; empty for a table."""


@dataclass(frozen=True)
class Across:
    """A boolean SQL expression over the row, the rows that it points to, and summaries of other tables.

    Judged in the warehouse; holds when it is null.
    """

    sql: str
    summaries: tuple[Summary, ...] = ()


Check = (
    TypeCheck
    | Required
    | Range
    | OneOf
    | Pattern
    | MaxLength
    | Compare
    | Expression
    | RangeBy
    | IdentifierFree
    | Across
)


@dataclass(frozen=True)
class Source:
    """Where in the contract something is said."""

    file: Path
    line: int


@dataclass(frozen=True)
class Rule:
    """One thing that a row must fulfil."""

    id: str
    """`<table>.<name>`, such as `session.dose_mg_range`: what receipts, quarantine and docs call it."""
    table: str
    column: str | None
    severity: Severity
    dimension: Dimension
    sentence: str
    """What a clinic's data manager reads."""
    check: Check
    source: Source


@dataclass(frozen=True)
class Column:
    """A column of a table that clinics send."""

    name: str
    physical_type: str
    """VARCHAR, SMALLINT, INTEGER, BOOLEAN or DECIMAL(p,s)."""
    description: str
    layer: Layer
    is_key: bool = False
    is_required: bool = False
    unit: str | None = None
    example: str | None = None


@dataclass(frozen=True)
class ForeignKey:
    """A column that must point to a row of another table of the same clinic; judged in the warehouse."""

    rule_id: str
    column: str
    parent_table: str
    parent_column: str
    sentence: str


@dataclass(frozen=True)
class TableContract:
    """What a clinic must send for one table. Keys are scoped by clinic."""

    name: str
    version: str
    description: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    foreign_keys: tuple[ForeignKey, ...] = field(default=())
    origin: Origin = "clinic"
    quality_thresholds: dict[Dimension, Decimal] = field(default_factory=dict)
    """The greatest share of a clinic's records, in [0, 1], that may be refused on a dimension before it is asked."""

    @property
    def is_delivered(self) -> bool:
        """Tell whether clinics send its rows."""
        return self.origin == "clinic"

    @property
    def cross_table_rules(self) -> tuple[Rule, ...]:
        """Return the rules that take rows of other tables, or other rows of this one; judged in the warehouse."""
        return tuple(rule for rule in self.rules if isinstance(rule.check, Across))

    @property
    def key(self) -> tuple[str, ...]:
        """Return the columns that, with the clinic, name a row."""
        return tuple(column.name for column in self.columns if column.is_key)

    def column(self, name: str) -> Column | None:
        """Return the column called `name`, or None."""
        return next((column for column in self.columns if column.name == name), None)


def type_in_words(physical_type: str) -> str:
    """Return a type as a clinic's data manager would say it."""
    decimal = PHYSICAL_TYPE.fullmatch(physical_type)
    if decimal and decimal.group(1):
        whole, places = int(decimal.group(1)) - int(decimal.group(2)), int(decimal.group(2))
        return f"a number with at most {whole} digits before and {places} after the decimal point"
    words = {"BOOLEAN": "true or false", "SMALLINT": "a whole number", "INTEGER": "a whole number"}
    return words.get(physical_type, "text")
