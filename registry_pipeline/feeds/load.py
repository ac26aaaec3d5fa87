"""Feeds read from YAML and held against the contracts, so that a mistake in a feed shows before any file is read."""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from registry_pipeline.contracts.load import Contracts
from registry_pipeline.contracts.model import OneOf, TableContract
from registry_pipeline.errors import ConfigurationError, FeedError
from registry_pipeline.feeds.model import Feed, FileFeed, TableMapping
from registry_pipeline.settings import Settings
from registry_pipeline.yaml_source import Location, YamlSource, read_yaml


@dataclass(frozen=True)
class Feeds:
    """The feeds in force, and what is wrong with those that are not."""

    by_clinic: dict[str, Feed]
    digests: dict[str, str]
    """SHA-256 of each feed file, by clinic."""
    problems: list[ConfigurationError] = field(default_factory=list)
    """One per feed that cannot be used; its clinic is left out, the others go on."""


def load_feeds(settings: Settings, contracts: Contracts) -> Feeds:
    """Read every feed of the folder in force; a bad one is a problem of its own clinic only.

    Raises:
        ConfigurationError: If the folder is missing or holds no feed.
    """
    folder = settings.feeds_dir
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise ConfigurationError(
            "There are no feeds here.", remedy="Write one YAML per clinic, or pass --feeds.", file=folder
        )
    feeds = Feeds({}, {})
    for file in files:
        try:
            feed = load_feed(file, contracts)
            if feed.clinic_id in feeds.by_clinic:
                raise FeedError(f"{feed.clinic_id} has a second feed.", remedy="Keep one of the two files.", file=file)
        except ConfigurationError as error:
            feeds.problems.append(error)
            continue
        feeds.by_clinic[feed.clinic_id] = feed
        feeds.digests[feed.clinic_id] = hashlib.sha256(file.read_bytes()).hexdigest()
    return feeds


def load_feed(file: Path, contracts: Contracts) -> Feed:
    """Read one feed and hold it against the contracts.

    Raises:
        FeedError: If it is not a feed, or maps to something the contracts do not have; with the line.
        ConfigurationError: If the file is not readable YAML.
    """
    yaml = read_yaml(file)
    try:
        feed = Feed.model_validate(yaml.data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FeedError(
            f"{where}: {first['msg']}.", remedy="Mend the line.", file=file, line=yaml.line(first["loc"])
        ) from error
    _check_clinic_type(feed, contracts, yaml)
    for index, entry in enumerate(feed.files):
        _check_entry(entry, ("files", index), contracts, yaml)
    return feed


def _fail(yaml: YamlSource, location: Location, message: str, remedy: str) -> FeedError:
    return FeedError(message, remedy=remedy, file=yaml.file, line=yaml.line(location))


def _check_clinic_type(feed: Feed, contracts: Contracts, yaml: YamlSource) -> None:
    rule = contracts.rules.get("clinic.clinic_type_allowed")
    if rule and isinstance(rule.check, OneOf) and feed.clinic_type not in rule.check.values:
        raise _fail(
            yaml,
            ("clinic_type",),
            "The clinic type is not one of the contract's.",
            f"Use {', '.join(rule.check.values)}.",
        )


def _check_entry(entry: FileFeed, here: Location, contracts: Contracts, yaml: YamlSource) -> None:
    try:
        "".encode(entry.csv.encoding)
    except LookupError as error:
        raise _fail(
            yaml, (*here, "csv", "encoding"), "The encoding is not known.", "Use a name such as utf-8 or latin-1."
        ) from error
    if entry.sequence is not None:
        _check_sequence(entry.sequence, (*here, "sequence"), yaml)
    for number, mapping in enumerate(entry.tables):
        _check_mapping(mapping, (*here, "tables", number), contracts, yaml)


def _check_sequence(pattern: str, here: Location, yaml: YamlSource) -> None:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise _fail(yaml, here, "The sequence is not a regular expression.", "Mend it.") from error
    if groups != 1:
        raise _fail(yaml, here, "The sequence needs exactly one group.", r"Write it such as _(\d+)\.csv$.")


def _check_mapping(mapping: TableMapping, here: Location, contracts: Contracts, yaml: YamlSource) -> None:
    contract = contracts.tables.get(mapping.table)
    if contract is None or mapping.table == "clinic":
        names = ", ".join(sorted(set(contracts.tables) - {"clinic"}))
        raise _fail(yaml, (*here, "table"), f"`{mapping.table}` is not a table that clinics send.", f"Use {names}.")
    for name in mapping.columns:
        _check_target(name, (*here, "columns", name), contract, yaml)
    if mapping.unpivot is not None:
        _check_target(mapping.unpivot.into, (*here, "unpivot", "into"), contract, yaml)


def _check_target(name: str, here: Location, contract: TableContract, yaml: YamlSource) -> None:
    if name != "clinic_id" and contract.column(name) is None:
        raise _fail(
            yaml, here, f"The table {contract.name} has no column `{name}`.", "Use one of the contract's columns."
        )
