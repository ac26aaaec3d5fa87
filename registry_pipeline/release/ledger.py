"""The ledger of releases: what the kept ones show, for a new one to be held against.

What belongs here: reading kept releases, one after the other. What does not: which rows are repeated
(`differencing.py`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from registry_pipeline.errors import StorageError
from registry_pipeline.release.differencing import hold_back
from registry_pipeline.release.disclosure import suppress
from registry_pipeline.release.drawn import of_their_own
from registry_pipeline.release.mart_contracts import MartContract
from registry_pipeline.release.releases import Release, current_release, published, read_manifest
from registry_pipeline.settings import Settings

_Marts = Mapping[str, MartContract]


def hold_back_all(
    released: Mapping[str, pl.DataFrame], built: Mapping[str, pl.DataFrame], marts: _Marts, settings: Settings
) -> tuple[dict[str, pl.DataFrame], dict[str, int]]:
    """Return the marts to publish, and how many rows of each repeat the release before.

    Args:
        released: The marts as suppression leaves them.
        built: The same rows with every number, rounded likewise.
        marts: Their contracts.
        settings: Of the home; what is small today is small in kept releases too.

    Raises:
        StorageError: If a kept release cannot be read.
    """
    return hold_back(released, built, _kept(released, marts, settings), marts, settings.small_cell)


def _kept(released: Mapping[str, pl.DataFrame], marts: _Marts, settings: Settings) -> Iterator[dict[str, pl.DataFrame]]:
    """Yield what each kept release shows, the current one first; what an earlier one of these shows as well, once.

    Marts without figures of their own are read from the current one alone, to be repeated.
    """
    current, seen = current_release(settings.layout), set()
    if current is None:
        return
    others = (release for release in published(settings.layout) if release.path.resolve() != current.path.resolve())
    wanted = dict(released)
    for release in (current, *others):
        manifest = read_manifest(release.path)
        frames = {}
        for name, frame in wanted.items():
            about = manifest["files"].get(f"marts/{name}.parquet")
            if about is None or about["sha256"] in seen:
                continue
            seen.add(about["sha256"])
            if (old := _read(release, name)).columns == frame.columns:
                frames[name] = _hidden_today(old.cast(frame.schema), marts[name], manifest, settings.small_cell)
        yield frames
        wanted = {name: released[name] for name in of_their_own(released, marts)}


def _read(release: Release, name: str) -> pl.DataFrame:
    file = release.path / "marts" / f"{name}.parquet"
    try:
        return pl.read_parquet(file)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StorageError(
            "A mart of a kept release cannot be read.",
            remedy="Restore the release from a backup, or remove its folder; nothing was published.",
            file=file,
        ) from error


def _hidden_today(
    frame: pl.DataFrame, contract: MartContract, manifest: Mapping[str, Any], small_cell: int
) -> pl.DataFrame:
    """Return what a release shows, without what has become small since, for it must not be repeated."""
    return suppress(frame, contract, small_cell) if manifest["small_cell"] < small_cell else frame
