"""The data dictionary for clinics, written from the contracts so that it cannot say anything else.

What belongs here: wording and layout of the dictionary. What does not: reading contracts, and writing files.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from graphlib import TopologicalSorter

from registry_pipeline.contracts.load import Contracts
from registry_pipeline.contracts.model import (
    Across,
    Check,
    Column,
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
    type_in_words,
)

_LONG_LIST = 12
"""A closed list with more values than this gets a paragraph of its own instead of a table cell."""

_SEVERITY = {"reject": "row is refused", "warn": "row is taken, please check"}

_INTRODUCTION = """\
# Data dictionary

Version {version} of the table contracts. Written by `registry contracts docs`: change the contracts, not this file.

What holds in every table:

- Time is a study day: 0 is the day of the patient's first ketamine session. Calendar dates are never sent.
- `clinic_id` comes from the feed; a file need not carry it.
- A key names one row of one clinic. The same row twice in a file counts as a duplicate; two different rows with the
  same key are both refused (`key_conflict`).
- An empty cell means unknown unless the column says otherwise.

The tables, parents before the tables that point to them:
"""


def render_dictionary(contracts: Contracts) -> str:
    """Return the dictionary of all tables as Markdown.

    Args:
        contracts: The contracts in force.

    Returns:
        One Markdown document that ends with a newline.
    """
    parts = [_INTRODUCTION.format(version=contracts.version)]
    tables = _parents_first(contracts)
    parts.append("\n".join(f"- [{table.name}](#{table.name}): {table.description}" for table in tables))
    parts.extend("\n\n".join(_table(table)) for table in tables)
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _parents_first(contracts: Contracts) -> list[TableContract]:
    parents = {
        name: [key.parent_table for key in table.foreign_keys if key.parent_table != name]
        for name, table in contracts.tables.items()
    }
    return [contracts.tables[name] for name in TopologicalSorter(parents).static_order()]


def _table(table: TableContract) -> Iterator[str]:
    yield f"## {table.name}"
    yield table.description
    yield f"Key: {', '.join(f'`{name}`' for name in table.key)}."
    yield _grid(
        ("column", "type", "unit", "required", "allowed", "example", "description"),
        (_column_cells(table, column) for column in table.columns),
    )
    yield from _long_lists(table)
    yield "### Rules of " + table.name
    yield _grid(("rule", "what it says", "if broken"), _rule_cells(table))
    yield "### Example row of " + table.name
    yield _example(table)


def _column_cells(table: TableContract, column: Column) -> Sequence[str]:
    return (
        f"`{column.name}`",
        type_in_words(column.physical_type),
        column.unit or "",
        "yes" if column.is_required else "no",
        _allowed(table, column),
        f"`{column.example}`" if column.example else "",
        column.description,
    )


def _allowed(table: TableContract, column: Column) -> str:
    checks = (rule.check for rule in _rules_of(table, column) if rule.severity == "reject")
    words = [text for check in checks if (text := allowed_in_words(check))]
    words += [
        f"a `{key.parent_column}` of {key.parent_table}" for key in table.foreign_keys if key.column == column.name
    ]
    return "; ".join(words)


def _rules_of(table: TableContract, column: Column) -> Iterator[Rule]:
    return (rule for rule in table.rules if rule.column == column.name)


def allowed_in_words(check: Check) -> str:
    """Return what a check allows in the fewest words, or nothing where the rule's sentence says it better."""
    match check:
        case OneOf(values) if len(values) > _LONG_LIST:
            words = f"one of {len(values)} codes, listed below"
        case OneOf(values):
            words = ", ".join(f"`{value}`" for value in values)
        case Range():
            words = _range_in_words(check)
        case Pattern(regex):
            words = f"`{regex}`"
        case MaxLength(n):
            words = f"at most {n} characters"
        case RangeBy(key, _, _):
            words = f"the range of its {key}"
        case IdentifierFree():
            words = "nothing that points to a person"
        case TypeCheck() | Required() | Compare() | Expression() | Across():
            words = ""
    return words


def _range_in_words(check: Range) -> str:
    if check.min is None:
        return f"at most {check.max}"
    if check.min_exclusive:
        return f"above {check.min}" + ("" if check.max is None else f", at most {check.max}")
    return f"{check.min} or more" if check.max is None else f"{check.min} to {check.max}"


def _long_lists(table: TableContract) -> Iterator[str]:
    for rule in table.rules:
        if isinstance(rule.check, OneOf) and len(rule.check.values) > _LONG_LIST:
            yield f"Codes of `{rule.column}`: " + ", ".join(f"`{value}`" for value in rule.check.values) + "."
        if isinstance(rule.check, RangeBy):
            ranges = ", ".join(f"`{name}` {low} to {high}" for name, low, high in rule.check.ranges)
            yield f"Range of `{rule.column}` by {rule.check.key}: {ranges}."


def _rule_cells(table: TableContract) -> Iterator[Sequence[str]]:
    for rule in table.rules:
        yield f"`{rule.id}`", rule.sentence, _SEVERITY[rule.severity]
    for key in table.foreign_keys:
        yield f"`{key.rule_id}`", key.sentence, _SEVERITY["reject"]


def _example(table: TableContract) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column.name for column in table.columns)
    writer.writerow(column.example or "" for column in table.columns)
    return f"```csv\n{text.getvalue()}```"


def _grid(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
