"""A dry run of one file: the real ingest, in a home that is thrown away.

What does not belong here: how it is printed (cli.feed).
"""

import shutil
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.deid.columns import DATE, ColumnWords, load_column_words
from registry_pipeline.errors import DeliveryRefusedError, FeedError, RegistryError
from registry_pipeline.feeds.column_patterns import is_ignored
from registry_pipeline.feeds.infer.names import Names, load_names
from registry_pipeline.feeds.load import load_feed, sidecars
from registry_pipeline.feeds.model import SYSTEM_COLUMNS, ColumnMapping, Feed, FileFeed, TableMapping
from registry_pipeline.feeds.readers import open_parts
from registry_pipeline.ingest.run import ingest_landing
from registry_pipeline.lake.receipts import Receipt
from registry_pipeline.quarantine import Finding, read_quarantine
from registry_pipeline.settings import Settings

Use = Literal["mapped", "ignored", "unmapped", "identifier"]


@dataclass(frozen=True)
class ColumnUse:
    """What a feed makes of one column of a file."""

    sheet: str | None
    name: str
    use: Use
    becomes: list[str]
    """`table.column` for each column of the contract that it goes into, or in words what else it is good for; of an
    identifier, its kind."""
    nearest: list[str]
    """For an unmapped column: the contract's columns whose names are closest."""


@dataclass(frozen=True)
class DryRun:
    """What a file would become."""

    feed: Feed
    file_name: str
    format: str
    columns: list[ColumnUse]
    """Empty when the file cannot be read, or has no header that the feed knows: the "names" may then be values."""
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
        (receipt,) = summary.receipts
        has_header = receipt.refusal is None or receipt.refusal.rule_id != "delivery.header"
        words = load_column_words(settings.vocabulary_path("deid_columns.csv"))
        uses = _Uses(entry, contracts, load_names(settings), words, feed.deid_method)
        columns = uses.of_file(landed, Path(folder)) if has_header else []
        return DryRun(feed, name, entry.format, columns, receipt, read_quarantine(trial))


def _trial_settings(settings: Settings, home: Path, feed: Feed, feed_file: Path) -> Settings:
    feeds = home / "feeds"
    feeds.mkdir()
    shutil.copyfile(feed_file, feeds / f"{feed.clinic_id}.yaml")
    for sidecar in sidecars(feed):
        shutil.copyfile(sidecar, feeds / sidecar.name)
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


@dataclass(frozen=True)
class _Uses:
    """Tells what becomes of the columns of a file."""

    entry: FileFeed
    contracts: Contracts
    names: Names
    words: ColumnWords
    deid_method: str

    def of_file(self, file: Path, scratch: Path) -> list[ColumnUse]:
        try:
            parts = open_parts(file, self.entry, 1 << 20, scratch)
        except (DeliveryRefusedError, RegistryError):
            # The receipt says why the file cannot be read.
            return []
        return [
            self._identifier(part.sheet, number, column) or self._use(part.sheet, column)
            for part in parts
            for number, column in enumerate(part.columns, start=1)
        ]

    def _identifier(self, sheet: str | None, number: int, column: str) -> ColumnUse | None:
        kind = self.words.kind(column)
        if kind is None or (kind == DATE and self.deid_method == "expert_determination"):
            return None
        # A "name" that is no word of our list may be a patient's.
        name = column if self.words.is_listed(column) else f"column {number}"
        return ColumnUse(sheet, name, "identifier", [kind.replace("_", " ")], [])

    def _use(self, sheet: str | None, column: str) -> ColumnUse:
        mappings = [mapping for mapping in self.entry.tables if mapping.sheet == sheet]
        becomes = list(dict.fromkeys(target for mapping in mappings for target in self._targets(column, mapping)))
        if becomes:
            return ColumnUse(sheet, column, "mapped", becomes, [])
        if is_ignored(column, self.entry.ignore):
            return ColumnUse(sheet, column, "ignored", [], [])
        tables = [self.contracts.tables[mapping.table] for mapping in mappings]
        return ColumnUse(sheet, column, "unmapped", [], self.names.nearest(column, tables))

    def _targets(self, column: str, mapping: TableMapping) -> list[str]:
        table, unpivot = mapping.table, mapping.unpivot
        found = [
            f"{table}.{name}{_role(column, item)}" for name, item in mapping.columns.items() if column in item.sources
        ]
        if unpivot is not None and column in unpivot.columns:
            constants = ", ".join(unpivot.columns[column].values())
            found.append(f"{table}.{unpivot.into}" + (f" ({constants})" if constants else ""))
        if column in mapping.lookup:
            first = next(iter(mapping.lookup[column].values()))
            found.append(f"looked up for {', '.join(f'{table}.{name}' for name in first)}")
        if column in mapping.where or column in mapping.any_filled:
            found.append(f"says whether a row is of {table}")
        is_taken = column in mapping.columns or column in mapping.sets
        is_own = column in SYSTEM_COLUMNS or self.contracts.tables[table].column(column) is not None
        return [*found, f"{table}.{column}"] if is_own and not is_taken and not found else found


def _role(column: str, mapping: ColumnMapping) -> str:
    """Return in brackets what a column does for a column of the contract, unless it is simply copied."""
    if mapping.source == column:
        done = [word for word in (mapping.unit, "translated" if mapping.values else None) if word]
        return f" ({', '.join(done)})" if done else ""
    roles = {mapping.minus: "subtracted", mapping.weight: "weight"}
    return f" ({roles.get(column) or ('in its text' if mapping.template else 'added up')})"
