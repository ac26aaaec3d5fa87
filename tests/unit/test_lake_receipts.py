"""Receipts: the only ledger. What is written is what is read, in an order that does not depend on the disk."""

import json
from pathlib import Path

import pytest

from registry_pipeline.errors import ConfigurationError
from registry_pipeline.lake.paths import Home
from registry_pipeline.lake.receipts import Counts, Receipt, Refusal, read_receipts, write_receipt


def receipt(delivery_id: str = "d1", clinic_id: str = "C001", arrival_no: int = 1, **changes: object) -> Receipt:
    fields = {
        "delivery_id": delivery_id,
        "clinic_id": clinic_id,
        "file_name": f"{delivery_id}.csv",
        "source": "*.csv",
        "mode": "incremental",
        "sequence": None,
        "arrival_no": arrival_no,
        "received_at": "2026-01-05T23:00:00+00:00",
        "n_bytes": 12,
        "feed_version": "1.0.0",
        "contract_version": "1.0.0",
        "rules_fingerprint": "f",
        "status": "accepted",
        "counts": Counts(3, 1, 1, 1),
    }
    return Receipt(**{**fields, **changes})


def test_a_receipt_is_read_as_it_was_written(tmp_path):
    home = Home(tmp_path)
    written = receipt(
        sequence=7,
        status="partial",
        tables={"session": Counts(3, 1, 1, 1)},
        rules={"session.dose_mg_range": 1},
        warnings={"session.dose_mg_high": 2},
    )
    write_receipt(home, written)
    assert list(read_receipts(home)) == [written]


def test_a_refused_delivery_keeps_its_reason(tmp_path):
    refused = receipt(
        status="refused", counts=Counts(), refusal=Refusal("delivery.empty", "Empty.", "Send it again.", 1)
    )
    write_receipt(Home(tmp_path), refused)
    assert next(read_receipts(Home(tmp_path))).refusal == refused.refusal


def test_receipts_come_by_clinic_and_arrival_whatever_their_hashes(tmp_path):
    home = Home(tmp_path)
    for delivery_id, clinic_id, arrival_no in [("a", "C002", 1), ("z", "C001", 1), ("b", "C001", 10), ("c", "C001", 2)]:
        write_receipt(home, receipt(delivery_id, clinic_id, arrival_no))
    assert [found.delivery_id for found in read_receipts(home)] == ["z", "c", "b", "a"]
    assert [found.delivery_id for found in read_receipts(home, "C002")] == ["a"]


def test_a_home_without_receipts_has_none(tmp_path):
    assert list(read_receipts(Home(tmp_path))) == []


def test_an_unfinished_receipt_is_no_receipt(tmp_path):
    folder = Home(tmp_path).receipts / "C001"
    folder.mkdir(parents=True)
    (folder / ".d1.json.tmp").write_text("{")
    assert list(read_receipts(Home(tmp_path))) == []


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"delivery_id": "d1"}'])
def test_a_receipt_that_cannot_be_read_is_named_with_what_to_do(tmp_path: Path, content):
    path = Home(tmp_path).receipt_file("C001", "d1")
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(ConfigurationError, match="receipt cannot be read") as caught:
        list(read_receipts(Home(tmp_path)))
    assert caught.value.file == str(path)
    assert caught.value.remedy


def test_the_same_receipt_is_written_as_the_same_bytes(tmp_path):
    one, other = (write_receipt(Home(tmp_path / name), receipt()).read_bytes() for name in ("one", "other"))
    assert one == other
    assert json.loads(one)["counts"] == {"n_records": 3, "n_accepted": 1, "n_quarantined": 1, "n_duplicate": 1}


@pytest.mark.parametrize(
    ("counts", "balanced"), [(Counts(), True), (Counts(3, 1, 1, 1), True), (Counts(4, 1, 1, 1), False)]
)
def test_counts_balance_only_when_every_record_is_accounted_for(counts, balanced):
    assert counts.is_balanced is balanced


def test_balanced_counts_add_up_to_balanced_counts():
    total = Counts(3, 1, 1, 1) + Counts(5, 5, 0, 0)
    assert total == Counts(8, 6, 1, 1)
    assert total.is_balanced
