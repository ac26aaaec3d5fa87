"""What changed between two versions of the contracts, and whether it breaks what clinics send or analysts read.

What belongs here: the comparison. What does not: finding the two versions, printing, and deciding what to do about it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from registry_pipeline.contracts.load import Contracts
from registry_pipeline.contracts.model import (
    Check,
    Column,
    ForeignKey,
    MaxLength,
    OneOf,
    Range,
    RangeBy,
    Required,
    Rule,
    TableContract,
    TypeCheck,
)

Kind = Literal["breaking", "compatible"]

_DIGITS = {"SMALLINT": (4, 0), "INTEGER": (9, 0)}
"""Whole digits that the type holds for certain, and decimal places."""


@dataclass(frozen=True)
class Change:
    """One difference between two versions.

    Attributes:
        kind: `breaking` if a row or a query that was fine may no longer be; else `compatible`.
        table: The table concerned.
        item: The column or rule concerned, or the table itself.
        text: What changed, as a sentence.
    """

    kind: Kind
    table: str
    item: str
    text: str


def diff_contracts(old: Contracts, new: Contracts) -> list[Change]:
    """Return what changed from `old` to `new`, table by table, in the order of the contracts."""
    changes: list[Change] = []
    for name in dict.fromkeys((*old.tables, *new.tables)):
        if name not in new.tables:
            changes.append(Change("breaking", name, name, "The table is gone."))
        elif name not in old.tables:
            changes.append(Change("compatible", name, name, "The table is new."))
        else:
            changes.extend(_diff_table(old.tables[name], new.tables[name]))
    return changes


def _diff_table(old: TableContract, new: TableContract) -> Iterator[Change]:
    if old.description != new.description:
        yield Change("compatible", new.name, new.name, "The description changed.")
    if old.key != new.key:
        yield Change("breaking", new.name, new.name, f"The key was {_names(old.key)} and is {_names(new.key)}.")
    for name in dict.fromkeys(column.name for column in (*old.columns, *new.columns)):
        yield from _diff_column(new.name, old.column(name), new.column(name))
    yield from _diff_rules(old, new)
    yield from _diff_foreign_keys(old, new)


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


def _diff_column(table: str, old: Column | None, new: Column | None) -> Iterator[Change]:
    if old is not None and new is not None:
        yield from _diff_same_column(table, old, new)
    elif old is not None:
        yield Change("breaking", table, old.name, "The column is gone.")
    elif new is not None and new.is_required:
        yield Change("breaking", table, new.name, "The column is new and must not be empty.")
    elif new is not None:
        yield Change("compatible", table, new.name, "The column is new and may be left out.")


def _diff_same_column(table: str, old: Column, new: Column) -> Iterator[Change]:
    if old.physical_type != new.physical_type:
        kind: Kind = "compatible" if _is_wider(old.physical_type, new.physical_type) else "breaking"
        yield Change(kind, table, new.name, f"The type was {old.physical_type} and is {new.physical_type}.")
    if old.is_required != new.is_required:
        text = "The column must no longer be empty." if new.is_required else "The column may now be empty."
        yield Change("breaking" if new.is_required else "compatible", table, new.name, text)
    if old.unit != new.unit:
        yield Change("breaking", table, new.name, f"The unit was {old.unit or 'none'} and is {new.unit or 'none'}.")
    if old.layer != new.layer:
        yield Change("breaking", table, new.name, f"The layer was {old.layer} and is {new.layer}.")
    if (old.description, old.example) != (new.description, new.example):
        yield Change("compatible", table, new.name, "The description or the example changed.")


def _is_wider(old: str, new: str) -> bool:
    """Tell whether every value of the old type fits the new one and still reads as the same kind of thing."""
    if old.partition("(")[0] != new.partition("(")[0]:
        return (old, new) == ("SMALLINT", "INTEGER")
    (old_whole, old_places), (new_whole, new_places) = _digits(old), _digits(new)
    return new_whole >= old_whole and new_places >= old_places


def _digits(physical_type: str) -> tuple[int, int]:
    decimal = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", physical_type)
    if decimal is None:
        return _DIGITS.get(physical_type, (0, 0))
    places = int(decimal.group(2))
    return int(decimal.group(1)) - places, places


def _diff_rules(old: TableContract, new: TableContract) -> Iterator[Change]:
    before, after = _written_rules(old, new), _written_rules(new, old)
    for rule_id in dict.fromkeys((*before, *after)):
        rule, former = after.get(rule_id), before.get(rule_id)
        if rule is None:
            yield Change("compatible", new.name, rule_id, "The rule is gone.")
        elif former is None:
            yield _new_rule(rule)
        else:
            yield from _diff_rule(former, rule)


def _written_rules(table: TableContract, other: TableContract) -> dict[str, Rule]:
    """Return the rules to compare: type and emptiness belong to the column, and so does all of a new or lost column."""
    return {
        rule.id: rule
        for rule in table.rules
        if not isinstance(rule.check, TypeCheck | Required) and (rule.column is None or other.column(rule.column))
    }


def _new_rule(rule: Rule) -> Change:
    if rule.severity == "reject":
        return Change("breaking", rule.table, rule.id, f"The rule is new and refuses rows. {rule.sentence}")
    return Change("compatible", rule.table, rule.id, f"The rule is new and warns. {rule.sentence}")


def _diff_rule(old: Rule, new: Rule) -> Iterator[Change]:
    if old.severity != new.severity:
        kind: Kind = "breaking" if new.severity == "reject" else "compatible"
        yield Change(kind, new.table, new.id, f"The severity was {old.severity} and is {new.severity}.")
    if old.check != new.check:
        is_harmless = new.severity == "warn" or _is_looser(old.check, new.check)
        yield Change(
            "compatible" if is_harmless else "breaking", new.table, new.id, _what_changed(old.check, new.check)
        )
    if (old.sentence, old.dimension) != (new.sentence, new.dimension):
        yield Change("compatible", new.table, new.id, "The sentence or the dimension changed.")


def _is_looser(old: Check, new: Check) -> bool:
    """Tell whether everything that the old check let through, the new one does too, as far as that can be seen."""
    match old, new:
        case OneOf(before), OneOf(after):
            return set(before) <= set(after)
        case MaxLength(before), MaxLength(after):
            return before <= after
        case Range(), Range():
            return _range_is_looser(old, new)
        case RangeBy(), RangeBy():
            return (old.key, old.vocabulary) == (new.key, new.vocabulary) and _ranges_are_looser(old, new)
        case _:
            return False


def _range_is_looser(old: Range, new: Range) -> bool:
    opens = new.min is None or (
        old.min is not None
        and (new.min < old.min or (new.min == old.min and (old.min_exclusive or not new.min_exclusive)))
    )
    return opens and _reaches(new.max, old.max)


def _reaches(new: Decimal | None, old: Decimal | None) -> bool:
    return new is None or (old is not None and new >= old)


def _ranges_are_looser(old: RangeBy, new: RangeBy) -> bool:
    after = {name: (low, high) for name, low, high in new.ranges}
    return all(name in after and after[name][0] <= low and after[name][1] >= high for name, low, high in old.ranges)


def _what_changed(old: Check, new: Check) -> str:
    if isinstance(old, OneOf) and isinstance(new, OneOf):
        lost = [value for value in old.values if value not in new.values]
        gained = [value for value in new.values if value not in old.values]
        moves = [f"lost {', '.join(lost)}"] if lost else []
        moves += [f"gained {', '.join(gained)}"] if gained else []
        return f"The list {' and '.join(moves)}." if moves else "The list has another order."
    return "The rule lets more through than before." if _is_looser(old, new) else "The rule changed."


def _diff_foreign_keys(old: TableContract, new: TableContract) -> Iterator[Change]:
    before = {key.column: key for key in old.foreign_keys}
    after = {key.column: key for key in new.foreign_keys}
    for column in dict.fromkeys((*before, *after)):
        if column not in after and new.column(column):
            yield Change("compatible", new.name, column, "The column no longer has to point to another table.")
        elif column in after and _target(before.get(column)) != _target(after[column]) and old.column(column):
            yield Change("breaking", new.name, column, f"The column must now point to {_target(after[column])}.")


def _target(key: ForeignKey | None) -> str | None:
    return f"{key.parent_table}.{key.parent_column}" if key else None
