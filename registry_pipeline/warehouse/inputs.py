"""What a build is made from, as one hash: when it has not changed there is nothing to build.

What belongs here: everything that can change a number in a release. What does not: times, and settings that only
change how fast it is made.
"""

import hashlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from registry_pipeline.content import content_path
from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.feeds.load import load_feeds
from registry_pipeline.feeds.model import Feed
from registry_pipeline.lake.receipts import read_receipts
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.plan import files_behind, files_in

_CODE = ("contracts", "lake", "release", "report", "scorecard", "statistics", "warehouse")
"""Packages whose code decides what is in a release."""


def inputs_fingerprint(settings: Settings) -> str:
    """Return the SHA-256 of everything that decides what is in a release."""
    digest = hashlib.sha256()
    for part in _parts(settings):
        digest.update(part)
        digest.update(b"\0")
    return digest.hexdigest()


def clinic_feeds(settings: Settings) -> dict[str, Feed]:
    """Return the feed of each clinic that has one."""
    return dict(sorted(load_feeds(settings, load_contracts(settings)).by_clinic.items()))


def _parts(settings: Settings) -> Iterator[bytes]:
    yield version("registry-pipeline").encode()
    for name in ("small_cell", "min_clinics", "max_clinic_share", "sensitive_below"):
        yield f"{name}={getattr(settings, name)}".encode()
    yield load_contracts(settings).fingerprint.encode()
    for clinic_id, feed in clinic_feeds(settings).items():
        yield f"{clinic_id}={feed.clinic_type}|{feed.deid_method}".encode()
    for receipt in read_receipts(settings.layout):
        yield "|".join(
            str(part)
            for part in (
                receipt.clinic_id,
                receipt.delivery_id,
                receipt.source,
                receipt.mode,
                receipt.order,
                receipt.status,
                receipt.rules_fingerprint,
                receipt.attempt,
                sorted(receipt.erased.items()),
            )
        ).encode()
    for file in _content(settings):
        yield file.name.encode()
        yield file.read_bytes()


def _content(settings: Settings) -> Iterator[Path]:
    yield from files_behind(settings, ("models", "macros", "audits", "views"), _CODE)
    for folder in ("marts", "release"):
        yield from files_in(content_path(f"data_contracts/{folder}"))
