"""Releases on disk: which there are, which is current, what their manifests say.

What does not belong here: making one (`publish.py`). Light to import: every command asks what is current.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from registry_pipeline.errors import ConfigurationError, RegistryError
from registry_pipeline.lake.atomic import fsync_directory, storage_errors, write_text
from registry_pipeline.lake.paths import Home

MANIFEST = "manifest.json"
STAGING_PREFIX = ".staging-"
"""A folder with this prefix is not a release: one being written, being removed, or left by a crash."""

_Read = TypeVar("_Read")

_REQUIRED = {"release_id", "inputs_fingerprint", "published_at", "releases", "files"}


@dataclass(frozen=True)
class Release:
    """A published release."""

    release_id: str
    path: Path
    fingerprint: str
    """Of the inputs it was made from: the same fingerprint means the same content."""
    published_at: str
    """UTC, ISO 8601."""


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest of the release in folder `path`.

    Raises:
        ConfigurationError: If it is missing or cannot be read.
    """
    file = path / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(file.read_bytes())
        missing = _REQUIRED - manifest.keys()
    except (OSError, ValueError, AttributeError) as error:
        raise _unreadable(file) from error
    if missing:
        raise _unreadable(file)
    return manifest


def _unreadable(file: Path) -> ConfigurationError:
    return ConfigurationError(
        "The manifest of this release cannot be read.",
        remedy="Move the folder away, and `current` if it points to it, then run again.",
        file=file,
    )


def write_manifest(path: Path, content: dict[str, Any]) -> None:
    """Write the manifest of the release in folder `path`, with hash and size of every file there."""
    files = {
        file.relative_to(path).as_posix(): {"sha256": _sha256(file), "n_bytes": file.stat().st_size}
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }
    write_text(path / MANIFEST, json.dumps({**content, "files": files}, indent=2) + "\n")


def read_release(path: Path) -> Release:
    """Return the release in folder `path`.

    Raises:
        ConfigurationError: If its manifest cannot be read.
    """
    manifest = read_manifest(path)
    return Release(manifest["release_id"], path, manifest["inputs_fingerprint"], manifest["published_at"])


def is_intact(path: Path) -> bool:
    """Tell whether every file that the manifest lists is there in its size."""
    files = read_manifest(path)["files"]
    return all(
        (path / name).is_file() and (path / name).stat().st_size == about["n_bytes"] for name, about in files.items()
    )


def current_release(home: Home) -> Release | None:
    """Return the release that analysts read, or None when there is none yet.

    Raises:
        ConfigurationError: If there is one and its manifest cannot be read.
    """
    return reading_current(home, read_release)


def reading_current(home: Home, read: Callable[[Path], _Read]) -> _Read | None:
    """Return what `read` makes of the folder of the current release, or None when there is none.

    Between finding the folder and reading it a run may publish and prune that very folder. Then the release that is
    current by now is read; only what fails while `current` stays where it is has really failed. A link whose target is
    gone counts as no release: the next publish makes it good.

    Raises:
        OSError: What `read` raises, and so may RegistryError.
    """
    tried: Path | None = None
    failure: Exception | None = None
    while (folder := home.current.resolve()) != tried:
        tried, failure = folder, None
        try:
            if folder.is_dir():
                return read(folder)
        except (RegistryError, OSError) as error:
            failure = error
    if failure is not None:
        raise failure
    return None


def published(home: Home) -> Iterator[Release]:
    """Yield every release on disk, the latest first; a folder without a readable manifest is left alone."""
    found = []
    for manifest in home.releases.glob(f"*/{MANIFEST}"):
        if not manifest.parent.name.startswith(STAGING_PREFIX):
            with suppress(ConfigurationError):
                found.append(read_release(manifest.parent))
    yield from sorted(found, key=lambda release: (release.published_at, release.release_id), reverse=True)


def prune(home: Home, keep: int, spared: Path | None = None) -> list[str]:
    """Remove the oldest releases until `keep` are left, the current one among them; return the ids of the removed.

    Who has a removed file open keeps reading it.

    Args:
        home: The registry home.
        keep: How many stay.
        spared: A release to keep in any case: the one that was current until now, which a reader may have found
            already and not opened yet.
    """
    kept = {home.current.resolve(), spared or home.current.resolve()}
    others = [release for release in published(home) if release.path.resolve() not in kept]
    removed = others[max(keep - len(kept), 0) :]
    for release in removed:
        # Out of sight in one step, so that no half-removed release is ever found.
        doomed = home.releases / f"{STAGING_PREFIX}pruned-{release.release_id}"
        with storage_errors(release.path):
            release.path.replace(doomed)
            shutil.rmtree(doomed, ignore_errors=True)
    if removed:
        fsync_directory(home.releases)
    return [release.release_id for release in removed]


def remove_leftovers(home: Home) -> int:
    """Remove what a crash has left half-written or half-removed; return how many folders."""
    leftovers = list(home.releases.glob(f"{STAGING_PREFIX}*"))
    for folder in leftovers:
        shutil.rmtree(folder, ignore_errors=True)
    return len(leftovers)


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
