"""One small reader per format, all with the same interface: parts with columns, and batches of text rows.

A reader never drops, repairs or guesses: a record it cannot split into fields is a `Damage` with its line.
"""

from importlib import import_module
from pathlib import Path

from registry_pipeline.feeds.model import FileFeed
from registry_pipeline.feeds.readers.base import Damage, Part, RawBatch

__all__ = ["Damage", "Part", "RawBatch", "open_parts"]


def open_parts(path: Path, entry: FileFeed, batch_bytes: int, scratch: Path) -> list[Part]:
    """Open a file as its feed entry describes it: one part, or one per sheet or resource type.

    Args:
        path: The file as it landed; gzip and zip are unpacked by what the bytes say, whatever the name.
        entry: The feed's entry for it.
        batch_bytes: About how much text to hold at a time.
        scratch: A private folder that outlives the parts, for what has to be unpacked.

    Raises:
        DeliveryRefusedError: If the file is not of that format, has no header, or has a sheet nobody expects.
    """
    from registry_pipeline.feeds.readers.compressed import unpacked  # noqa: PLC0415 - as below

    # Imported where used: a run that meets only CSV should not pay for Arrow and Excel.
    reader = import_module(f"registry_pipeline.feeds.readers.{entry.format}")
    parts: list[Part] = reader.open_parts(unpacked(path, scratch), entry, batch_bytes)
    return parts
