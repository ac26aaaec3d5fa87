"""What a contract says, free of any file format and any engine: tables, columns, rules, foreign keys."""

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal

Severity = Literal["reject", "warn"]
Dimension = Literal["conformance", "completeness", "plausibility"]
"""The three of Kahn's data-quality framework."""
Layer = Literal["shared", "restricted", "internal"]
Operator = Literal["<", "<=", "=", ">=", ">"]


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


Check = TypeCheck | Required | Range | OneOf | Pattern | MaxLength | Compare | Expression | RangeBy | IdentifierFree


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

    @property
    def key(self) -> tuple[str, ...]:
        """Return the columns that, with the clinic, name a row."""
        return tuple(column.name for column in self.columns if column.is_key)

    def column(self, name: str) -> Column | None:
        """Return the column called `name`, or None."""
        return next((column for column in self.columns if column.name == name), None)
