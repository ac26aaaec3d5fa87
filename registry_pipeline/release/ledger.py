"""The ledger of releases: what the kept ones show of each mart, for a new one to be held against.

What belongs here: reading kept releases, mart by mart. What does not: which rows are repeated (`differencing.py`).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from registry_pipeline.errors import StorageError
from registry_pipeline.release.differencing import hold_back
from registry_pipeline.release.disclosure import suppress
from registry_pipeline.release.mart_contracts import MartContract
from registry_pipeline.release.releases import Release, current_release, published
from registry_pipeline.settings import Settings


def hold_back_all(
    released: Mapping[str, pl.DataFrame], marts: Mapping[str, MartContract], settings: Settings
) -> tuple[dict[str, pl.DataFrame], dict[str, int]]:
    """Return the marts to publish, and how many rows of each repeat the release before.

    Args:
        released: The marts as suppression leaves them.
        marts: Their contracts.
        settings: Of the home; what is small today is small in kept releases too.

    Raises:
        StorageError: If a kept release cannot be read.
    """
    current, kept = current_release(settings.layout), list(published(settings.layout))
    frames, n_repeated = {}, {}
    for name, frame in released.items():
        shown = dict(_shown(kept, marts[name], frame.schema, settings.small_cell))
        previous = shown.pop(current.path.resolve(), None) if current else None
        frames[name], n_repeated[name] = hold_back(
            frame, previous, list(shown.values()), marts[name], settings.small_cell
        )
    return frames, n_repeated


def _shown(
    kept: list[Release], contract: MartContract, schema: pl.Schema, small_cell: int
) -> Iterator[tuple[Path, pl.DataFrame]]:
    """Yield a mart of each kept release, from its Parquet; with other columns it was another mart."""
    for release in kept:
        file = release.path / "marts" / f"{contract.name}.parquet"
        if not file.is_file():
            continue
        try:
            frame = pl.read_parquet(file)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise StorageError(
                "A mart of a kept release cannot be read.",
                remedy="Restore the release from a backup, or remove its folder; nothing was published.",
                file=file,
            ) from error
        if tuple(frame.columns) == contract.column_names:
            yield release.path.resolve(), suppress(frame.cast(schema), contract, small_cell)
