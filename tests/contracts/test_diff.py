"""A difference between two versions of the contracts is found, and rightly called breaking or compatible."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from registry_pipeline.contracts.diff import Change, diff_contracts
from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.contracts.model import (
    Check,
    Column,
    Expression,
    ForeignKey,
    MaxLength,
    OneOf,
    Pattern,
    Range,
    RangeBy,
    Required,
    Rule,
    Severity,
    Source,
    TableContract,
    TypeCheck,
)
from registry_pipeline.settings import Settings

KEY = Column("visit_id", "VARCHAR", "The id.", "shared", is_key=True, is_required=True)
DOSE = Column("dose_mg", "DECIMAL(7,2)", "The dose.", "shared", unit="mg", example="1.00")
NEW = Column("note", "VARCHAR", "A note.", "shared")
POINTER = ForeignKey("visit.dose_mg_orphan", "dose_mg", "patient", "patient_id", "Name a patient.")


def rule(check: Check, *, severity: Severity = "reject", column: str | None = "dose_mg", name: str = "one") -> Rule:
    source = Source(Path("visit.odcs.yaml"), 1)
    return Rule(f"visit.{name}", "visit", column, severity, "conformance", "A sentence.", check, source)


def contracts(*columns: Column, rules: tuple[Rule, ...] = (), foreign_keys: tuple[ForeignKey, ...] = ()) -> Contracts:
    table = TableContract("visit", "1.0.0", "A visit.", (KEY, *columns), rules, foreign_keys)
    return Contracts({"visit": table}, "1.0.0", "digest")


def kinds(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.kind, change.item) for change in changes]


def with_check(check: Check, severity: Severity = "reject") -> Contracts:
    return contracts(DOSE, rules=(rule(check, severity=severity),))


def test_the_shipped_contracts_do_not_differ_from_themselves() -> None:
    shipped = load_contracts(Settings())
    assert diff_contracts(shipped, shipped) == []


def test_where_a_rule_is_written_is_no_difference() -> None:
    moved = replace(rule(Range(max=Decimal(5))), source=Source(Path("elsewhere.yaml"), 99))
    assert diff_contracts(with_check(Range(max=Decimal(5))), contracts(DOSE, rules=(moved,))) == []


def test_a_lost_table_breaks_and_a_new_one_does_not() -> None:
    none = Contracts({}, "1.0.0", "digest")
    assert diff_contracts(contracts(), none) == [Change("breaking", "visit", "visit", "The table is gone.")]
    assert diff_contracts(none, contracts()) == [Change("compatible", "visit", "visit", "The table is new.")]


def test_a_lost_column_breaks_and_takes_its_rules_with_it() -> None:
    old = with_check(Range(max=Decimal(5)))
    assert kinds(diff_contracts(old, contracts())) == [("breaking", "dose_mg")]


def test_a_new_column_breaks_only_when_it_must_be_filled() -> None:
    assert kinds(diff_contracts(contracts(), contracts(NEW))) == [("compatible", "note")]
    required = replace(NEW, is_required=True)
    assert kinds(diff_contracts(contracts(), contracts(required))) == [("breaking", "note")]


def test_the_rules_of_a_new_optional_column_break_nothing() -> None:
    new = contracts(NEW, rules=(rule(MaxLength(5), column="note"),))
    assert kinds(diff_contracts(contracts(), new)) == [("compatible", "note")]


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("SMALLINT", "INTEGER", "compatible"),
        ("INTEGER", "SMALLINT", "breaking"),
        ("DECIMAL(5,1)", "DECIMAL(7,2)", "compatible"),
        ("DECIMAL(7,2)", "DECIMAL(7,3)", "breaking"),
        ("DECIMAL(7,2)", "DECIMAL(6,1)", "breaking"),
        ("INTEGER", "DECIMAL(12,2)", "breaking"),
        ("BOOLEAN", "VARCHAR", "breaking"),
    ],
)
def test_a_type_may_widen_but_not_narrow_or_turn_into_another(old: str, new: str, kind: str) -> None:
    before, after = contracts(replace(DOSE, physical_type=old)), contracts(replace(DOSE, physical_type=new))
    assert kinds(diff_contracts(before, after)) == [(kind, "dose_mg")]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"is_required": True}, "breaking"),
        ({"unit": "g"}, "breaking"),
        ({"layer": "restricted"}, "breaking"),
        ({"description": "Another."}, "compatible"),
        ({"example": "2.00"}, "compatible"),
    ],
)
def test_each_property_of_a_column_is_compared(change: dict[str, object], kind: str) -> None:
    after = contracts(replace(DOSE, **change))  # type: ignore[arg-type]
    assert kinds(diff_contracts(contracts(DOSE), after)) == [(kind, "dose_mg")]


def test_a_column_that_may_now_be_empty_is_compatible() -> None:
    before = contracts(replace(DOSE, is_required=True))
    assert kinds(diff_contracts(before, contracts(DOSE))) == [("compatible", "dose_mg")]


def test_another_key_breaks() -> None:
    after = contracts(replace(DOSE, is_key=True))
    assert kinds(diff_contracts(contracts(DOSE), after)) == [("breaking", "visit")]


def test_type_and_emptiness_are_reported_once_by_the_column() -> None:
    before = contracts(replace(DOSE, physical_type="SMALLINT"))
    checks = (rule(TypeCheck(), name="dose_mg_type"), rule(Required(), name="dose_mg_required"))
    after = contracts(replace(DOSE, is_required=True), rules=checks)
    assert kinds(diff_contracts(before, after)) == [("breaking", "dose_mg"), ("breaking", "dose_mg")]


def test_a_new_rule_breaks_only_when_it_refuses() -> None:
    limit = Range(max=Decimal(5))
    assert kinds(diff_contracts(contracts(DOSE), with_check(limit))) == [("breaking", "visit.one")]
    assert kinds(diff_contracts(contracts(DOSE), with_check(limit, "warn"))) == [("compatible", "visit.one")]
    assert kinds(diff_contracts(with_check(limit), contracts(DOSE))) == [("compatible", "visit.one")]


def test_a_rule_that_comes_to_refuse_breaks_and_one_that_comes_to_warn_does_not() -> None:
    warn, reject = with_check(Range(max=Decimal(5)), "warn"), with_check(Range(max=Decimal(5)))
    assert kinds(diff_contracts(warn, reject)) == [("breaking", "visit.one")]
    assert kinds(diff_contracts(reject, warn)) == [("compatible", "visit.one")]


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (OneOf(("a", "b")), OneOf(("a",)), "breaking"),
        (OneOf(("a",)), OneOf(("a", "b")), "compatible"),
        (OneOf(("a", "b")), OneOf(("a", "c")), "breaking"),
        (Range(Decimal(0), Decimal(5)), Range(Decimal(0), Decimal(6)), "compatible"),
        (Range(Decimal(0), Decimal(5)), Range(Decimal(0), Decimal(4)), "breaking"),
        (Range(Decimal(0), Decimal(5)), Range(Decimal(0)), "compatible"),
        (Range(Decimal(0)), Range(Decimal(0), Decimal(5)), "breaking"),
        (Range(Decimal(0)), Range(Decimal(0), min_exclusive=True), "breaking"),
        (Range(Decimal(0), min_exclusive=True), Range(Decimal(0)), "compatible"),
        (MaxLength(5), MaxLength(6), "compatible"),
        (MaxLength(6), MaxLength(5), "breaking"),
        (Pattern("^a$"), Pattern("^[ab]$"), "breaking"),
        (Expression("a > 1"), Expression("a > 0"), "breaking"),
        (Range(max=Decimal(5)), Expression("a > 0"), "breaking"),
        (
            RangeBy("k", "v", (("x", Decimal(0), Decimal(5)),)),
            RangeBy("k", "v", (("x", Decimal(0), Decimal(6)), ("y", Decimal(0), Decimal(1)))),
            "compatible",
        ),
        (
            RangeBy("k", "v", (("x", Decimal(0), Decimal(5)),)),
            RangeBy("k", "v", (("x", Decimal(1), Decimal(5)),)),
            "breaking",
        ),
        (RangeBy("k", "v", (("x", Decimal(0), Decimal(5)),)), RangeBy("k", "v", ()), "breaking"),
    ],
)
def test_a_changed_check_is_compatible_only_when_it_surely_lets_more_through(old: Check, new: Check, kind: str) -> None:
    assert kinds(diff_contracts(with_check(old), with_check(new))) == [(kind, "visit.one")]


def test_a_changed_warning_breaks_nothing() -> None:
    old, new = with_check(Pattern("^a$"), "warn"), with_check(Pattern("^b$"), "warn")
    assert kinds(diff_contracts(old, new)) == [("compatible", "visit.one")]


def test_a_list_says_what_it_lost_and_gained() -> None:
    (change,) = diff_contracts(with_check(OneOf(("a", "b"))), with_check(OneOf(("b", "c"))))
    assert change.text == "The list lost a and gained c."


def test_another_sentence_is_compatible() -> None:
    after = contracts(DOSE, rules=(replace(rule(MaxLength(5)), sentence="Another."),))
    assert kinds(diff_contracts(with_check(MaxLength(5)), after)) == [("compatible", "visit.one")]


def test_a_new_or_moved_pointer_breaks_and_a_lost_one_does_not() -> None:
    plain, pointing = contracts(DOSE), contracts(DOSE, foreign_keys=(POINTER,))
    moved = contracts(DOSE, foreign_keys=(replace(POINTER, parent_table="course"),))
    assert kinds(diff_contracts(plain, pointing)) == [("breaking", "dose_mg")]
    assert kinds(diff_contracts(pointing, moved)) == [("breaking", "dose_mg")]
    assert kinds(diff_contracts(pointing, plain)) == [("compatible", "dose_mg")]
