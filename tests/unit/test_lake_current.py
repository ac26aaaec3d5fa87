"""Which deliveries count: all of an incremental source, the latest of a snapshot source, none that was refused."""

from pathlib import Path

import pytest

from registry_pipeline.lake.current import live_deliveries
from registry_pipeline.lake.paths import Home
from registry_pipeline.lake.receipts import write_receipt
from tests.unit.test_lake_receipts import receipt


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def live(home: Home, *receipts: dict[str, object]) -> list[str]:
    for arrival_no, fields in enumerate(receipts, start=1):
        write_receipt(home, receipt(**{"arrival_no": arrival_no, **fields}))
    return [found.delivery_id for found in live_deliveries(home)]


def snapshot(delivery_id: str, **fields: object) -> dict[str, object]:
    return {"delivery_id": delivery_id, "mode": "snapshot", **fields}


def test_all_deliveries_of_an_incremental_source_count(home):
    assert live(home, {"delivery_id": "a"}, {"delivery_id": "b"}) == ["a", "b"]


def test_only_the_latest_snapshot_of_a_source_counts(home):
    assert live(home, snapshot("a"), snapshot("b")) == ["b"]


def test_the_clinics_own_sequence_decides_before_arrival(home):
    assert live(home, snapshot("late", sequence=9), snapshot("early", sequence=3)) == ["late"]


def test_arrival_decides_between_equal_sequences(home):
    assert live(home, snapshot("a", sequence=3), snapshot("b", sequence=3)) == ["b"]


def test_a_refused_snapshot_does_not_replace_the_good_one_before_it(home):
    assert live(home, snapshot("good"), snapshot("bad", status="refused")) == ["good"]


def test_a_partly_quarantined_snapshot_replaces_the_one_before_it(home):
    assert live(home, snapshot("a"), snapshot("b", status="partial")) == ["b"]


def test_snapshots_of_different_sources_and_clinics_do_not_replace_each_other(home):
    deliveries = [snapshot("a", source="x"), snapshot("b", source="y"), snapshot("c", source="x", clinic_id="C002")]
    assert live(home, *deliveries) == ["a", "b", "c"]


def test_a_home_without_deliveries_has_none_that_count(home):
    assert live(home) == []
