"""A dry run of one file: the real ingest, in a home that is thrown away."""

import shutil
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory

from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.errors import DeliveryRefusedError, FeedError, RegistryError
from registry_pipeline.feeds.load import load_feed
from registry_pipeline.feeds.model import Feed, FileFeed, TableMapping
from registry_pipeline.feeds.readers import open_parts
from registry_pipeline.ingest.run import ingest_landing
from registry_pipeline.lake.receipts import Receipt
from registry_pipeline.quarantine import Finding, read_quarantine
from registry_pipeline.settings import Settings


@dataclass(frozen=True)
class DryRun:
    """What a file would become."""

    columns: list[tuple[str, str, str]]
    """Sheet, column of the file, and what it becomes."""
    receipt: Receipt
    findings: list[Finding]


def dry_run(settings: Settings, feed_file: Path, file: Path) -> DryRun:
    """Ingest one file as its feed says, and keep nothing.

    Raises:
        FeedError: If the feed is wrong, or takes no file of this name.
        RegistryError: If the file cannot be looked at.
    """
    contracts = load_contracts(settings)
    feed = load_feed(feed_file, contracts)
    name, entry = _entry(feed, feed_file, file)
    with TemporaryDirectory() as folder:
        trial = _trial_settings(settings, Path(folder), feed, feed_file)
        landed = trial.layout.landing / feed.clinic_id / name
        landed.parent.mkdir(parents=True)
        shutil.copyfile(file, landed)
        summary = ingest_landing(trial)
        if summary.problems:
            raise summary.problems[0]
        columns = _columns(landed, entry, contracts)
        return DryRun(columns, summary.receipts[0], read_quarantine(trial))


def _trial_settings(settings: Settings, home: Path, feed: Feed, feed_file: Path) -> Settings:
    feeds = home / "feeds"
    feeds.mkdir()
    shutil.copyfile(feed_file, feeds / f"{feed.clinic_id}.yaml")
    return Settings(**{**settings.model_dump(), "home": home, "feeds": feeds, "settle_seconds": 0.0})


def _entry(feed: Feed, feed_file: Path, file: Path) -> tuple[str, FileFeed]:
    """Return the name below landing/<clinic>/ under which an entry takes the file, and that entry."""
    parts = file.resolve().parts
    for n_parts in range(1, len(parts)):
        name = "/".join(parts[-n_parts:])
        for entry in feed.files:
            if fnmatchcase(name, entry.pattern):
                return name, entry
    raise FeedError(
        "No entry of this feed takes a file of that name.",
        remedy=f"Add a pattern that fits {file.name}, or rename the file.",
        file=feed_file,
    )


def _columns(file: Path, entry: FileFeed, contracts: Contracts) -> list[tuple[str, str, str]]:
    try:
        parts = open_parts(file, entry, 1 << 20, file.parent)
    except (DeliveryRefusedError, RegistryError):
        # The receipt says why the file cannot be read.
        return []
    return [
        (part.sheet or "", column, _becomes(column, entry, part.sheet, contracts))
        for part in parts
        for column in part.columns
    ]


def _becomes(column: str, entry: FileFeed, sheet: str | None, contracts: Contracts) -> str:
    mappings = [mapping for mapping in entry.tables if mapping.sheet == sheet]
    targets = [f"{mapping.table}.{name}" for mapping in mappings for name in _targets(column, mapping, contracts)]
    if targets:
        return ", ".join(targets)
    if any(column in mapping.where for mapping in mappings):
        return "(says which table a row belongs to)"
    if any(f"{{{column}}}" in (item.template or "") for mapping in mappings for item in mapping.columns.values()):
        return "(part of a template)"
    return "(ignored by the feed)" if column in entry.ignore else "NOT MAPPED"


def _targets(column: str, mapping: TableMapping, contracts: Contracts) -> list[str]:
    named = [name for name, item in mapping.columns.items() if item.source == column]
    unpivot = mapping.unpivot
    if unpivot is not None and column in unpivot.columns:
        named.append(f"{unpivot.into} ({', '.join(unpivot.columns[column].values())})")
    is_own = column == "clinic_id" or contracts.tables[mapping.table].column(column) is not None
    if not named and is_own and column not in mapping.columns:
        named.append(column)
    return named
