"""Lake files of attempts that do not count: replaced by a replay, or left by one that a crash cut short.

What does not belong here: quarantine files of earlier attempts, which stay as the history of their rows.
"""

from registry_pipeline.lake.atomic import storage_errors
from registry_pipeline.lake.paths import Home
from registry_pipeline.lake.receipts import Receipt


def remove_replaced(home: Home, receipt: Receipt) -> None:
    """Remove the files of a delivery that its receipt does not count: the lake's, and any of an unfinished attempt."""
    clinic_id, delivery_id = receipt.key
    for folder in home.lake.glob(f"*/clinic_id={clinic_id}"):
        counting = home.lake_file(folder.parent.name, clinic_id, delivery_id, receipt.attempt)
        for file in folder.glob(f"{delivery_id}*.parquet"):
            if file != counting:
                with storage_errors(file):
                    file.unlink()
    home.quarantine_file(clinic_id, delivery_id, receipt.attempt + 1).unlink(missing_ok=True)
