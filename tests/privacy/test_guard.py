"""Identifiers never get past the door, and a refusal never repeats them."""

from pathlib import Path

import polars as pl
import pytest

from registry_pipeline.deid.guard import WITHHELD
from registry_pipeline.lake.receipts import Receipt
from tests.pipeline.conftest import COURSE_HEADER, COURSES, Workbench, course_line

EVENTS = """
  - pattern: "event*.csv"
    format: csv
    mode: snapshot
    ignore: [remark]
    tables: [{table: adverse_event}]
"""
EVENT_HEADER = "ae_id,session_id,verbatim,ae_term,ctcae_grade,serious,related,onset_day,ongoing,action,outcome,remark"
SECRETS = ("jane.doe@example.org", "312-555-0147", "123-45-6789", "Karen Miller", "2024-03-05", "xq7canary")


def event_line(verbatim: str, ae_id: str = "e1", grade: str = "1", remark: str = "") -> str:
    return f'{ae_id},s1,"{verbatim}",nausea,{grade},false,probable,0,false,none,recovered,"{remark}"'


def everything_kept(home: Path) -> bytes:
    """Return all bytes of the home outside landing, with the Parquet files read, as text is compressed in them."""
    kept = b""
    for path in home.rglob("*"):
        if not path.is_file() or path.relative_to(home).parts[0] == "landing":
            continue
        kept += path.read_bytes() if path.suffix != ".parquet" else pl.read_parquet(path).write_csv().encode()
    return kept


def refused(bench: Workbench, content: str, name: str = "course.csv") -> Receipt:
    """Return the receipt of a delivery that is refused whole and leaves nothing behind."""
    bench.drop(name, content)
    (receipt,) = bench.ingest().receipts
    assert receipt.status == "refused"
    assert receipt.refusal is not None
    assert receipt.counts.n_records == 0
    kept = everything_kept(bench.home)
    assert [secret for secret in SECRETS if secret.encode() in kept] == []
    return receipt


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        ({"course_id": "jane.doe@example.org"}, "deid.email"),
        ({"course_id": "312-555-0147"}, "deid.phone_fax"),
        ({"course_id": "123-45-6789"}, "deid.ssn"),
        ({"intent": "Karen Miller"}, "deid.person_name"),
        ({"start_day": "jane.doe@example.org"}, "deid.email"),
    ],
)
def test_a_direct_identifier_in_a_structured_column_refuses_the_file(
    bench: Workbench, cells: dict[str, str], rule: str
) -> None:
    lines = [COURSE_HEADER, course_line(1), course_line(2, **cells), course_line(3)]
    receipt = refused(bench, "\n".join(lines) + "\n")
    assert receipt.refusal is not None
    assert (receipt.refusal.rule_id, receipt.refusal.line) == (rule, 3)
    assert f"`{next(iter(cells))}`" in receipt.refusal.reason


@pytest.mark.parametrize(
    "column", ["first_name", "Geburtsdatum", "address.0.postalCode", "visit_date", "xq7canary_mrn", "Karen Miller"]
)
@pytest.mark.parametrize("feed", [COURSES, COURSES.rstrip() + "\n    ignore: [first_name]\n"])
def test_a_column_that_announces_an_identifier_refuses_the_file_mapped_or_not(
    bench: Workbench, column: str, feed: str
) -> None:
    bench.feed(feed)
    receipt = refused(bench, f"{COURSE_HEADER},{column}\n{course_line(1)},x\n")
    assert receipt.refusal is not None
    assert receipt.refusal.rule_id == "delivery.identifier_column"
    assert "Column 9" in receipt.refusal.reason


def test_a_date_in_an_id_quarantines_its_row_only(bench: Workbench) -> None:
    lines = [COURSE_HEADER, course_line(1, course_id="c-2024-03-05"), course_line(2)]
    bench.drop("course.csv", "\n".join(lines) + "\n")
    (receipt,) = bench.ingest().receipts
    assert (receipt.counts.n_accepted, receipt.counts.n_quarantined) == (1, 1)
    assert bench.findings() == [(2, "deid.date_iso")]
    assert b"2024-03-05" not in everything_kept(bench.home)


def test_an_identifier_in_free_text_quarantines_its_row_and_the_cell_is_withheld_whole(bench: Workbench) -> None:
    bench.feed(EVENTS)
    shown = ["called Karen Miller xq7canary", "since 2024-03-05 xq7canary", "write jane.doe@example.org xq7canary"]
    lines = [EVENT_HEADER, event_line("dizzy"), *(event_line(text, f"e{n}") for n, text in enumerate(shown, 2))]
    bench.drop("event.csv", "\n".join(lines) + "\n")
    (receipt,) = bench.ingest().receipts
    assert (receipt.counts.n_accepted, receipt.counts.n_quarantined) == (1, 3)
    assert bench.findings() == [(3, "deid.person_name"), (4, "deid.date_iso"), (5, "deid.email")]
    kept = everything_kept(bench.home)
    assert [secret for secret in SECRETS if secret.encode() in kept] == []
    record = bench.quarantine()["record"][0]
    assert WITHHELD in record
    assert '"e2"' in record


def test_an_ignored_column_is_kept_nowhere_even_when_its_row_is_refused(bench: Workbench) -> None:
    bench.feed(EVENTS)
    lines = [
        EVENT_HEADER,
        event_line("dizzy", grade="9", remark="xq7canary"),
        event_line("dizzy", "e2", remark="xq7canary"),
    ]
    bench.drop("event.csv", "\n".join(lines) + "\n")
    (receipt,) = bench.ingest().receipts
    assert (receipt.counts.n_accepted, receipt.counts.n_quarantined) == (1, 1)
    assert b"xq7canary" not in everything_kept(bench.home)


def test_a_damaged_line_is_kept_without_its_identifiers(bench: Workbench) -> None:
    lines = [COURSE_HEADER, course_line(1), "Karen Miller,x", "c3,jane.doe@example.org 2024-03-05 312-555-0147"]
    bench.drop("course.csv", "\n".join(lines) + "\n")
    (receipt,) = bench.ingest().receipts
    assert receipt.counts.n_quarantined == 2
    kept = everything_kept(bench.home)
    assert [secret for secret in SECRETS if secret.encode() in kept] == []


def test_the_id_of_another_clinic_may_not_hide_an_identifier(bench: Workbench) -> None:
    receipt = refused(bench, f"{COURSE_HEADER},clinic_id\n{course_line(1)},jane.doe@example.org\n")
    assert receipt.refusal is not None
    assert receipt.refusal.rule_id == "deid.email"
