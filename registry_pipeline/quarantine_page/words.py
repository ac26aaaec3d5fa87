"""What a rule asks for and what to do about it, in words for a clinic's data manager.

What belongs here: wording. The sentence of a rule is the contract's; the rest follows from the kind of its check.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from registry_pipeline.contracts.docs import allowed_in_words
from registry_pipeline.contracts.load import Contracts
from registry_pipeline.contracts.model import (
    Across,
    Check,
    Compare,
    Expression,
    IdentifierFree,
    MaxLength,
    OneOf,
    Pattern,
    Range,
    RangeBy,
    Required,
    TypeCheck,
    type_in_words,
)

LINE_RANGES_SHOWN = 40

_BY_PREFIX = {
    "deid.": "Take the identifier out in your own system, then export and send the record again.",
    "record.": "Mend how the file is exported, so that the next one is right as well, and send the record again.",
}
_BY_ENDING = {
    "_orphan": "Send the record that it points to, or mend that one if it was refused itself. This one is then taken "
    "as it is: there is no need to send it again.",
    ".key_conflict": "Find out which of the records is right and send that one alone.",
    ".key_duplicate": "Nothing: it is counted once.",
}
_BY_CHECK: dict[type[Check], str] = {
    TypeCheck: "Write the cell as asked for, without units or words.",
    Required: "Fill in the cell: without it the record cannot be used.",
    Range: "Look the value and its unit up in your records and correct it.",
    RangeBy: "Look the value up in your records and correct it.",
    OneOf: "Use one of the codes. If your system writes another word for one of them, ask the registry to add it to "
    "your feed.",
    Pattern: "Write the cell in the form asked for.",
    MaxLength: "Shorten the text.",
    Compare: "Check both cells in your records: one of them is wrong.",
    Expression: "Check the cells that the rule names in your records: they do not agree.",
    Across: "Check the record, and the other records that the rule speaks of: they do not agree.",
    IdentifierFree: "Take the identifier out in your own system, then export and send the record again.",
}
_IF_UNKNOWN = " Leave the cell empty if it is not known."


@dataclass(frozen=True)
class Right:
    """What a right cell looks like."""

    allowed: str = ""
    codes: tuple[str, ...] = ()
    ranges: tuple[tuple[str, str], ...] = ()
    """(code, its range), where the range depends on another column."""
    unit: str | None = None
    example: str | None = None


def remedy(rule_id: str, contracts: Contracts) -> str:
    """Return what to do about the records that a rule refuses."""
    rule = contracts.rules.get(rule_id)
    if rule is not None:
        column = contracts.tables[rule.table].column(rule.column) if rule.column else None
        may_be_empty = isinstance(rule.check, TypeCheck | Range | RangeBy) and column and not column.is_required
        return _BY_CHECK[type(rule.check)] + (_IF_UNKNOWN if may_be_empty else "")
    for ending, words in _BY_ENDING.items():
        if rule_id.endswith(ending):
            return words
    return next((words for prefix, words in _BY_PREFIX.items() if rule_id.startswith(prefix)), "Mend and send again.")


def right_value(rule_id: str, contracts: Contracts) -> Right:
    """Return what the contract says of the cell that a rule is about; nothing for rules about a whole record."""
    table_name, _, _ = rule_id.partition(".")
    table = contracts.tables.get(table_name)
    rule = contracts.rules.get(rule_id)
    if table is None or rule is None or rule.column is None or (column := table.column(rule.column)) is None:
        return Right()
    check = rule.check
    if isinstance(check, TypeCheck | Required):
        # What else the contract asks of the column is what the clinic has to write.
        allowed = type_in_words(column.physical_type) if column.physical_type != "VARCHAR" else ""
        lists = (other.check for other in table.rules if other.column == column.name and isinstance(other.check, OneOf))
        check = next(lists, check)
    else:
        allowed = "" if isinstance(check, Pattern) else allowed_in_words(check).replace("`", "")
    return Right(
        allowed="" if isinstance(check, OneOf) else allowed,
        codes=check.values if isinstance(check, OneOf) else (),
        ranges=tuple((code, f"{low} to {high}") for code, low, high in check.ranges)
        if isinstance(check, RangeBy)
        else (),
        unit=column.unit,
        example=column.example,
    )


def line_ranges(lines: Sequence[int], shown: int = LINE_RANGES_SHOWN) -> tuple[str, int]:
    """Return lines in ascending order as ranges, such as `3-7, 9`, and how many lines did not fit."""
    ranges: list[tuple[int, int]] = []
    for line in lines:
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], line)
        else:
            ranges.append((line, line))
    text = ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in ranges[:shown])
    return text, sum(last - first + 1 for first, last in ranges[shown:])


def share(numerator: int, denominator: int) -> str:
    """Return a share in per cent, never so rounded that something looks like nothing or like everything."""
    if not denominator:
        return "none read"
    rate = numerator / denominator
    if 0 < rate < 0.0001:  # noqa: PLR2004 - a hundredth of a per cent, the last digit shown
        return "under 0.01 %"
    if 0.9999 < rate < 1:  # noqa: PLR2004 - likewise
        return "over 99.99 %"
    return f"{rate:.2%}".replace("%", " %") if 0 < rate < 1 else f"{rate:.0%}".replace("%", " %")
