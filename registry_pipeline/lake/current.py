"""Which deliveries count now. Which row of theirs counts is the staging models' business."""

from collections.abc import Iterable

from registry_pipeline.lake.paths import Home
from registry_pipeline.lake.receipts import Receipt, read_receipts


def live_deliveries(home: Home) -> list[Receipt]:
    """Return the deliveries whose rows count, by clinic and arrival.

    Of a source with mode `snapshot` only the latest delivery that was not refused counts; of an `incremental` source
    all of them do.
    """
    return live_among(list(read_receipts(home)))


def live_among(receipts: list[Receipt]) -> list[Receipt]:
    """Return those of all receipts of a home whose rows count, as `live_deliveries` does."""
    replaced = replaced_deliveries(receipts)
    return [receipt for receipt in receipts if receipt.status != "refused" and receipt.key not in replaced]


def replaced_deliveries(receipts: Iterable[Receipt]) -> dict[tuple[str, str], Receipt]:
    """Return the snapshot that replaced each delivery of a snapshot source, by the key of what was replaced.

    A refused delivery replaces nothing, but is itself replaced once a later one of its source is taken.
    """
    latest: dict[tuple[str, str], Receipt] = {}
    snapshots = [receipt for receipt in receipts if receipt.mode == "snapshot"]
    for receipt in snapshots:
        source = (receipt.clinic_id, receipt.source)
        if receipt.status != "refused" and (source not in latest or receipt.order > latest[source].order):
            latest[source] = receipt
    return {
        receipt.key: last
        for receipt in snapshots
        if (last := latest.get((receipt.clinic_id, receipt.source))) is not None and receipt.order < last.order
    }
