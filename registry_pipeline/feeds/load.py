"""Feeds read from YAML and held against the contracts, so that a mistake in a feed shows before any file is read."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from registry_pipeline.contracts.load import Contracts
from registry_pipeline.errors import ConfigurationError, FeedError
from registry_pipeline.feeds.checks import check_feed
from registry_pipeline.feeds.model import Feed
from registry_pipeline.settings import Settings
from registry_pipeline.yaml_source import read_yaml


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
        feeds.digests[feed.clinic_id] = _digest(file, feed)
    return feeds


def load_feed(file: Path, contracts: Contracts) -> Feed:
    """Read one feed and hold it against the contracts.

    Raises:
        FeedError: If it is not a feed, or maps to something the contracts do not have; with the line.
        ConfigurationError: If the file is not readable YAML.
    """
    yaml = read_yaml(file)
    try:
        feed = Feed.model_validate(yaml.data, context={"folder": file.parent})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FeedError(
            f"{where}: {first['msg']}.", remedy="Mend the line.", file=file, line=yaml.line(first["loc"])
        ) from error
    check_feed(feed, contracts, yaml)
    return feed


def _digest(file: Path, feed: Feed) -> str:
    """Hash everything that a feed says: its own bytes, and the data dictionaries it names."""
    digest = hashlib.sha256(file.read_bytes())
    for path in sidecars(feed):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def sidecars(feed: Feed) -> list[Path]:
    """Return the files beside a feed that belong to it."""
    return sorted({entry.redcap.dictionary for entry in feed.files if entry.redcap.dictionary is not None})
