"""Publishing: a build becomes an immutable release in one step, or nothing happens at all.

What belongs here: the order of the steps. What each of them does is in the modules beside. The release is written into
a staging folder, judged there as it lies on disk, renamed into place, and only then does `current` point to it.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from registry_pipeline.errors import StorageError
from registry_pipeline.lake.atomic import empty_directory, fsync_directory, point, publish_directory
from registry_pipeline.progress import Progress, Silent
from registry_pipeline.release.releases import (
    STAGING_PREFIX,
    Release,
    current_release,
    is_intact,
    prune,
    published,
    read_manifest,
    read_release,
    remove_leftovers,
)
from registry_pipeline.release.rollback import take_up

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry_pipeline.lake.paths import Home
    from registry_pipeline.settings import Settings
    from registry_pipeline.warehouse.build import Build

__all__ = ["Release", "current_release", "publish_release", "tidy_releases"]


def publish_release(settings: Settings, build: Build, progress: Progress | None = None) -> Release:
    """Make a release of `build` and point `current` to it.

    If a release of the same fingerprint is on disk already, `current` is pointed to that one and nothing is written.

    Args:
        settings: The home and everything a deployment may turn.
        build: The finished warehouse.
        progress: Told of each step.

    Raises:
        GateRefusedError: If a check on marts or disclosure fails; the previous release stays current.
        ReconciliationError: If a delivery's records are not all accounted for; likewise.
        StorageError: If something cannot be written; likewise.
    """
    progress = progress or Silent()
    home = settings.layout
    remove_leftovers(home)
    same = (found for found in published(home) if found.fingerprint == build.fingerprint and is_intact(found.path))
    release = next(same, None)
    if release is None:
        release = _write_release(settings, build, progress)
    until_now = home.current.resolve()
    point(home.current, release.path)
    take_up(home, release.fingerprint)
    prune(home, settings.keep_releases, spared=until_now)
    return release


def tidy_releases(settings: Settings) -> None:
    """Do what a publish that was killed after the swap has left undone, on a night that has nothing to publish."""
    remove_leftovers(settings.layout)
    prune(settings.layout, settings.keep_releases)


def _write_release(settings: Settings, build: Build, progress: Progress) -> Release:
    published_at = _now(settings.layout)
    release_id = f"{published_at:%Y%m%d}-{build.fingerprint[:10]}"
    final = settings.layout.releases / release_id
    if final.exists():
        raise StorageError(
            "A folder of this name is there and is not this release.", remedy="Move it away and run again.", file=final
        )
    # polars, DuckDB and the contracts take a second to import, and most runs have nothing to publish.
    from registry_pipeline.release.write import Draft, write_release  # noqa: PLC0415

    with _staging(settings.layout, release_id) as staged:
        draft = Draft(release_id, published_at.isoformat(timespec="seconds"), build, *_before(settings.layout))
        write_release(staged, draft, settings, progress)
        progress.step("publish")
        fsync_directory(staged)
        publish_directory(staged, final)
    return read_release(final)


def _now(home: Home) -> datetime:
    """Return the time, but later than any release's: their order must not hang on a clock that was put back."""
    latest = next(published(home), None)
    now = datetime.now(UTC)
    return now if latest is None else max(now, datetime.fromisoformat(latest.published_at) + timedelta(seconds=1))


def _before(home: Home) -> tuple[str | None, list[dict[str, Any]]]:
    """Return the release that the new one follows, and the rows of `meta.releases` up to it."""
    previous = current_release(home)
    return (previous.release_id, read_manifest(previous.path)["releases"]) if previous else (None, [])


@contextmanager
def _staging(home: Home, release_id: str) -> Iterator[Path]:
    """Yield an empty staging folder that is gone afterwards, unless it was renamed into place."""
    staged = empty_directory(home.releases / f"{STAGING_PREFIX}{release_id}")
    try:
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)
