"""Tombstones: what the registry still knows of a patient whose rows it has erased. One JSON per patient.

A tombstone is written before anything is erased and holds all that erasing needs, so a crash at any point is made good
by erasing again. What does not belong here: a row, or a value of one. Ids of the patient's courses, sessions and the
like are kept as digests only, to know them again when they are sent without the patient.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from registry_pipeline.errors import ConfigurationError
from registry_pipeline.lake.atomic import write_text
from registry_pipeline.lake.paths import Home

OwnIds = dict[str, list[str]]
"""Table → digests of the keys of its rows that are the patient's."""


@dataclass(frozen=True)
class Tombstone:
    """A patient who withdrew with deletion."""

    clinic_id: str
    patient_id: str
    withdrawn_at: str
    """UTC, ISO 8601: when the registry learned of it."""
    by: str
    """`hand`, or `delivery <id>` that brought the withdrawal."""
    state: Literal["pending", "done"] = "pending"
    """`pending` from before the first row is erased until after the last."""
    own_ids: OwnIds = field(default_factory=dict)


def write_tombstone(home: Home, tombstone: Tombstone) -> None:
    """Write or replace a patient's tombstone."""
    write_text(_file(home, tombstone), json.dumps(asdict(tombstone), indent=2, sort_keys=True) + "\n")


def read_tombstones(home: Home, clinic_id: str | None = None) -> Iterator[Tombstone]:
    """Yield the tombstones of a home or of one clinic.

    Raises:
        ConfigurationError: If one cannot be read: without it a patient could come back unnoticed.
    """
    for path in sorted(home.tombstones.glob(f"{clinic_id or '*'}/*.json")):
        try:
            yield Tombstone(**json.loads(path.read_bytes()))
        except (ValueError, TypeError) as error:
            raise ConfigurationError(
                "A tombstone cannot be read.",
                remedy="Restore it from a backup, or remove it and withdraw the patient again.",
                # The name of the file is the patient's id.
                file=path.parent,
            ) from error


def _file(home: Home, tombstone: Tombstone) -> Path:
    return home.tombstones / tombstone.clinic_id / f"{tombstone.patient_id}.json"
