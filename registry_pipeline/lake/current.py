"""Which deliveries count now. Which row of theirs counts is the staging models' business."""

from registry_pipeline.lake.paths import Home
from registry_pipeline.lake.receipts import Receipt, read_receipts


def live_deliveries(home: Home) -> list[Receipt]:
    """Return the deliveries whose rows count, by clinic and arrival.

    Of a source with mode `snapshot` only the latest delivery that was not refused counts; of an `incremental` source
    all of them do.
    """
    latest: dict[tuple[str, str], Receipt] = {}
    live: list[Receipt] = []
    for receipt in read_receipts(home):
        if receipt.status == "refused":
            continue
        if receipt.mode == "incremental":
            live.append(receipt)
            continue
        key = (receipt.clinic_id, receipt.source)
        if key not in latest or receipt.order > latest[key].order:
            latest[key] = receipt
    return sorted([*live, *latest.values()], key=lambda receipt: (receipt.clinic_id, receipt.arrival_no))
