"""Which files of landing are new deliveries, in the order in which they count."""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from registry_pipeline.errors import ConfigurationError, FeedError, FilePendingError, RegistryError
from registry_pipeline.feeds.load import Feeds
from registry_pipeline.feeds.model import Feed, FileFeed
from registry_pipeline.lake.atomic import write_text
from registry_pipeline.lake.paths import Home
from registry_pipeline.settings import Settings

_UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp")


@dataclass(frozen=True)
class Delivery:
    """One file of one clinic, known by the SHA-256 of its bytes."""

    clinic_id: str
    file_name: str
    path: Path
    entry: FileFeed
    delivery_id: str
    size: int
    modified_ns: int
    sequence: int | None

    @property
    def key(self) -> tuple[str, str]:
        """Return what names the delivery, as on its receipt."""
        return (self.clinic_id, self.delivery_id)

    def is_unchanged(self) -> bool:
        """Tell whether the file is still as it was when its bytes were hashed."""
        stat = self.path.stat()
        return (stat.st_size, stat.st_mtime_ns) == (self.size, self.modified_ns)


@dataclass
class Discovery:
    """What lies in landing."""

    deliveries: list[Delivery] = field(default_factory=list)
    problems: list[RegistryError] = field(default_factory=list)


def discover(settings: Settings, feeds: Feeds, clinics: Sequence[str] | None = None) -> Discovery:
    """List every file of landing that a feed takes, by clinic, then sequence, then time of arrival, then name.

    Raises:
        ConfigurationError: If the landing folder is missing.
    """
    home = settings.layout
    if not home.landing.is_dir():
        raise ConfigurationError(
            "There is no landing folder.",
            remedy="Create it with one folder per clinic, or try `registry demo`.",
            file=home.landing,
        )
    found = Discovery(problems=list(feeds.problems))
    hashes = _HashCache(home)
    for folder in sorted(path for path in home.landing.iterdir() if path.is_dir()):
        if clinics is not None and folder.name not in clinics:
            continue
        feed = feeds.by_clinic.get(folder.name)
        if feed is None:
            found.problems.append(_unknown_clinic(folder, settings))
            continue
        _discover_clinic(folder, feed, settings, hashes, found)
    hashes.save()
    return found


def _unknown_clinic(folder: Path, settings: Settings) -> ConfigurationError:
    return ConfigurationError(
        f"The clinic {folder.name} has files but no usable feed.",
        remedy=f"Write {settings.feeds_dir / folder.name}.yaml, or remove the folder.",
        file=folder,
    )


def _discover_clinic(folder: Path, feed: Feed, settings: Settings, hashes: "_HashCache", found: Discovery) -> None:
    deliveries = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if path.name.startswith("."):
            continue
        try:
            deliveries.append(delivery_of(path, name, feed, settings, hashes.sha256))
        except RegistryError as problem:
            found.problems.append(problem)
    found.deliveries += sorted(deliveries, key=lambda item: (item.sequence or 0, item.modified_ns, item.file_name))


def delivery_of(path: Path, name: str, feed: Feed, settings: Settings, sha256: "Hasher | None" = None) -> Delivery:
    """Return a file of landing as the delivery that its feed makes of it.

    Args:
        path: The file.
        name: Its path below the clinic's landing folder.
        feed: The clinic's feed.
        settings: How long a file may still be in the writing.
        sha256: What to ask for the hash; by default all bytes are read.

    Raises:
        FilePendingError: If it is still being written.
        FeedError: If the feed does not take it.
        ConfigurationError: If it cannot be read.
    """
    if path.name.startswith("~$") or path.suffix.lower() in _UNFINISHED:
        raise _pending(path)
    entry = next((entry for entry in feed.files if fnmatchcase(name, entry.pattern)), None)
    if entry is None:
        raise FeedError(
            f"No entry of the feed of {feed.clinic_id} takes this file.",
            remedy="Add a pattern to the feed, or remove the file.",
            file=path,
        )
    stat = _settled(path, settings.settle_seconds)
    try:
        digest = sha256(path, f"{feed.clinic_id}/{name}", stat) if sha256 else _sha256(path)
    except OSError as error:
        raise ConfigurationError(
            "The file cannot be read.", remedy="Give the registry permission to read it.", file=path
        ) from error
    delivery = Delivery(
        feed.clinic_id, name, path, entry, digest, stat.st_size, stat.st_mtime_ns, _sequence(entry, name, path)
    )
    if not delivery.is_unchanged():
        raise _pending(path)
    return delivery


def _pending(path: Path) -> FilePendingError:
    return FilePendingError("The file is still being written.", remedy="It is taken by the next run.", file=path)


def _settled(path: Path, settle_seconds: float) -> os.stat_result:
    """Give a file that changed a moment ago the time to change again, and return what it is then.

    Raises:
        FilePendingError: If it did.
    """
    before = path.stat()
    age = time.time() - before.st_mtime
    if not 0 <= age < settle_seconds:
        return before
    time.sleep(settle_seconds - age)
    after = path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise _pending(path)
    return after


def _sequence(entry: FileFeed, name: str, path: Path) -> int | None:
    if entry.sequence is None:
        return None
    match = re.search(entry.sequence, name)
    if match is None or not match.group(1).isdecimal():
        raise FeedError(
            "The file name has no sequence number where the feed expects one.",
            remedy="Rename the file, or mend `sequence` in the feed.",
            file=path,
        )
    return int(match.group(1))


def utc_now() -> str:
    """Return the time as receipts write it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


Hasher = Callable[[Path, str, os.stat_result], str]
"""Gives the SHA-256 of a file, known by its clinic and name, and by its size and time."""


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


class _HashCache:
    """Spares a nightly the hashing of files it has seen; losing it costs time and nothing else."""

    def __init__(self, home: Home) -> None:
        self._file = home.work / "hashes.json"
        try:
            self._known: dict[str, list[int | str]] = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            self._known = {}
        self._is_changed = False

    def sha256(self, path: Path, key: str, stat: os.stat_result) -> str:
        known = self._known.get(key)
        if known is not None and known[:2] == [stat.st_size, stat.st_mtime_ns]:
            return str(known[2])
        digest = _sha256(path)
        self._known[key] = [stat.st_size, stat.st_mtime_ns, digest]
        self._is_changed = True
        return digest

    def save(self) -> None:
        if self._is_changed:
            write_text(self._file, json.dumps(self._known))
