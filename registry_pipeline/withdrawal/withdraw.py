"""A withdrawal with deletion: tombstone, erase, tombstone done, search.

What belongs here: the order of the steps, which makes every one of them safe to repeat after a crash. What does not:
who is withdrawn when (`night.py`, `registry withdraw`), how rows are found and how files are rewritten.
"""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.errors import ConfigurationError
from registry_pipeline.lake.receipts import read_receipts
from registry_pipeline.progress import Progress, Silent
from registry_pipeline.withdrawal.tombstones import Tombstone, read_tombstones, write_tombstone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from registry_pipeline.contracts.model import TableContract
    from registry_pipeline.settings import Settings
    from registry_pipeline.withdrawal.belongings import Belongings

BY_HAND = "hand"
_KEPT_WORK = {"plans", "logs"}
"""Folders of work/ that hold no rows."""


@dataclass(frozen=True)
class Found:
    """Rows of patients, by layer and table."""

    lake: dict[str, int] = field(default_factory=dict)
    quarantine: dict[str, int] = field(default_factory=dict)
    releases: dict[str, dict[str, int]] = field(default_factory=dict)
    """Release → table → rows."""

    @property
    def n_rows(self) -> int:
        """Return how many rows and findings, those of releases included."""
        layers = [self.lake, self.quarantine, *self.releases.values()]
        return sum(sum(layer.values()) for layer in layers)


def look(settings: Settings, clinic_id: str, patient_id: str) -> Found:
    """Return what a withdrawal would erase, and change nothing.

    Raises:
        ConfigurationError: If this is no patient's id, or the registry holds nothing of such a patient and never did.
    """
    from registry_pipeline.withdrawal.belongings import id_pattern  # noqa: PLC0415 - DuckDB: not for --help

    tables = load_contracts(settings).tables
    # Part of an id would match the records of many.
    if not re.fullmatch(id_pattern(tables) or ".{16,}", patient_id):
        raise ConfigurationError(
            "This is not the id of a patient.", remedy="Give the whole id that the clinic made, such as p_ and 26 more."
        )
    if clinic_id not in {folder.name for folder in settings.layout.receipts.glob("*")}:
        raise ConfigurationError(
            f"Clinic {clinic_id} has delivered nothing to this home.", remedy="Check --clinic and --home."
        )
    with open_patients(settings, tables, clinic_id, {patient_id}) as belongings:
        found = _count(settings, belongings)
    if not found.n_rows and patient_id not in {item.patient_id for item in read_tombstones(settings.layout, clinic_id)}:
        raise ConfigurationError(
            f"Clinic {clinic_id} has no such patient in the lake, the quarantine or a kept release.",
            remedy="Check --clinic and --patient; ids are told apart by every letter.",
        )
    return found


def withdraw(settings: Settings, clinic_id: str, by: Mapping[str, str], progress: Progress | None = None) -> Found:
    """Erase all rows of patients of a clinic from every layer but landing; the caller holds the home's lock.

    Args:
        settings: The home.
        clinic_id: The clinic.
        by: Patient → what brought the withdrawal, for the tombstones of those who have none.
        progress: Told of each step.

    Returns:
        What was erased.

    Raises:
        StorageError: If a file cannot be read or written; doing it again completes it.
    """
    from registry_pipeline.release.erase import erase_from_releases  # noqa: PLC0415 - DuckDB: not for --help
    from registry_pipeline.release.releases import remove_leftovers  # noqa: PLC0415 - likewise
    from registry_pipeline.withdrawal import lake  # noqa: PLC0415 - likewise

    watch, home = progress or Silent(), settings.layout
    watch.step(f"Erasing withdrawn patients of {clinic_id}")
    _clear_work(settings)
    remove_leftovers(home)
    lake.remove_unfinished(home, clinic_id)
    with open_patients(settings, load_contracts(settings).tables, clinic_id, set(by)) as belongings:
        tombstones = _announce(settings, belongings, by)
        files = lake.clinic_files(home, clinic_id)
        in_lake = lake.erase_lake(belongings, files)
        lake.correct_receipts(home, read_receipts(home, clinic_id))
        in_quarantine = lake.erase_quarantine(belongings, files)
        releases = erase_from_releases(home, belongings, _now())
    for tombstone in tombstones:
        write_tombstone(home, replace(tombstone, state="done"))
    _clear_work(settings)
    return Found(dict(in_lake), dict(in_quarantine), releases)


def remaining(settings: Settings, clinic_id: str, *patient_ids: str) -> list[Path]:
    """Return the files of the home, but for landing and tombstones, that still hold an id of the clinic's patients."""
    from registry_pipeline.withdrawal.search import search_home  # noqa: PLC0415 - DuckDB: not for --help

    return search_home(settings, *patient_ids, clinic_id=clinic_id)


@contextmanager
def open_patients(
    settings: Settings, tables: Mapping[str, TableContract], clinic_id: str, patients: set[str], *, learn: bool = True
) -> Iterator[Belongings]:
    """Yield the belongings of patients: by what their tombstones remember and, if told to learn, by the lake."""
    from registry_pipeline.withdrawal import lake  # noqa: PLC0415 - DuckDB: not for --help
    from registry_pipeline.withdrawal.belongings import open_belongings  # noqa: PLC0415 - likewise

    home = settings.layout
    known = {item.patient_id: item.own_ids for item in read_tombstones(home, clinic_id)}
    with open_belongings(settings, tables, clinic_id) as belongings:
        for patient_id in sorted(patients):
            belongings.add_patient(patient_id, known.get(patient_id, {}))
        if learn:
            belongings.learn(lake.clinic_files(home, clinic_id).lake, read_receipts(home, clinic_id))
        yield belongings


def _count(settings: Settings, belongings: Belongings) -> Found:
    from registry_pipeline.release.erase import count_in_releases  # noqa: PLC0415 - DuckDB: not for --help
    from registry_pipeline.withdrawal import lake  # noqa: PLC0415 - likewise

    files = lake.clinic_files(settings.layout, belongings.clinic_id)
    return Found(
        {table: sum(counts.values()) for table, counts in lake.count_lake(belongings, files).items()},
        lake.count_quarantine(belongings, files),
        count_in_releases(settings.layout, belongings),
    )


def _announce(settings: Settings, belongings: Belongings, by: Mapping[str, str]) -> list[Tombstone]:
    """Write the tombstones as pending: from here on a crash is made good by the next run."""
    home, clinic_id = settings.layout, belongings.clinic_id
    known = {tombstone.patient_id: tombstone for tombstone in read_tombstones(home, clinic_id)}
    written = []
    for patient_id, what in by.items():
        first = known.get(patient_id) or Tombstone(clinic_id, patient_id, _now(), what)
        tombstone = replace(first, state="pending", own_ids=belongings.own_ids(patient_id))
        write_tombstone(home, tombstone)
        written.append(tombstone)
    return written


def _clear_work(settings: Settings) -> None:
    """Remove private copies of rows: a build that was not published, what an ingest or an erasure left."""
    for folder in settings.layout.work.glob("*"):
        if folder.is_dir() and folder.name not in _KEPT_WORK:
            shutil.rmtree(folder, ignore_errors=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
