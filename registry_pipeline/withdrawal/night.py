"""The night's part: whom new deliveries withdraw, whom they send again, and refused rows that may be withdrawals.

What belongs here: which deliveries are new and whose rows they concern. What does not: erasing (`withdraw.py`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.errors import RegistryError
from registry_pipeline.lake.atomic import write_text
from registry_pipeline.lake.receipts import read_receipts
from registry_pipeline.progress import Progress, Silent
from registry_pipeline.withdrawal.consent import refused_consents, withdrawn_patients
from registry_pipeline.withdrawal.tombstones import Tombstone, read_tombstones
from registry_pipeline.withdrawal.withdraw import open_patients, remaining, withdraw

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from registry_pipeline.contracts.model import TableContract
    from registry_pipeline.lake.receipts import Receipt
    from registry_pipeline.settings import Settings
    from registry_pipeline.withdrawal.withdraw import Found


def apply_withdrawals(settings: Settings, progress: Progress | None = None) -> list[RegistryError]:
    """Erase every patient whom a new delivery withdraws, and what it sends again of patients withdrawn before.

    Belongs after ingest and before the build. Does next to nothing when no delivery is new. The caller holds the
    home's lock.

    Returns:
        What a person must look at: refused consent rows of new deliveries, which may be withdrawals, and files that
        hold the id of an erased patient still.

    Raises:
        StorageError: If a file cannot be read or written; the next run completes what was begun.
    """
    watch, home = progress or Silent(), settings.layout
    changed = _changed(settings)
    pending = [item for item in read_tombstones(home) if item.state == "pending"]
    if not changed and not pending:
        return []
    contracts = load_contracts(settings)
    new = _receipts_of(settings, changed)
    due: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for tombstone in [*pending, *_sent_again(settings, contracts.tables, new)]:
        due[tombstone.clinic_id][tombstone.patient_id] = tombstone.by
    for clinic_id, patients in withdrawn_patients(settings, contracts.tables, new).items():
        for patient_id, delivery_id in patients.items():
            due[clinic_id].setdefault(patient_id, f"delivery {delivery_id}")
    problems = refused_consents(settings, contracts, new)
    for clinic_id, by in sorted(due.items()):
        found = withdraw(settings, clinic_id, by, watch)
        left = remaining(settings, clinic_id, *by)
        watch.message(_sentence(clinic_id, len(by), found, left))
        problems += [_still_there(file) for file in left]
    _mark(settings)
    return problems


def _sent_again(settings: Settings, tables: Mapping[str, TableContract], new: list[Receipt]) -> Iterator[Tombstone]:
    """Yield the tombstones of clinics that have sent rows of an erased patient in a new delivery."""
    from registry_pipeline.withdrawal import lake  # noqa: PLC0415 - only when there are tombstones

    home = settings.layout
    deliveries: defaultdict[str, set[str]] = defaultdict(set)
    for receipt in new:
        deliveries[receipt.clinic_id].add(receipt.delivery_id)
    for clinic_id, delivery_ids in deliveries.items():
        tombstones = list(read_tombstones(home, clinic_id))
        if not tombstones:
            continue
        patients = {tombstone.patient_id for tombstone in tombstones}
        files = lake.clinic_files(home, clinic_id).of_deliveries(delivery_ids)
        with open_patients(settings, tables, clinic_id, patients, learn=False) as belongings:
            is_there = bool(lake.count_lake(belongings, files) or lake.count_quarantine(belongings, files))
        if is_there:
            yield from tombstones


def _sentence(clinic_id: str, n_patients: int, found: Found, left: list[Path]) -> str:
    whose = "1 patient" if n_patients == 1 else f"{n_patients:,} patients"
    proof = "a search of the home finds none of them" if not left else f"STILL FOUND in {len(left):,} files"
    return (
        f"Clinic {clinic_id}: {whose} withdrawn with deletion. Erased: {sum(found.lake.values()):,} rows of the lake, "
        f"{sum(found.quarantine.values()):,} of the quarantine, rows of {len(found.releases):,} kept releases; {proof}."
    )


def _still_there(file: Path) -> RegistryError:
    return RegistryError(
        "This file holds the id of a patient who withdrew with deletion, or cannot be read.",
        remedy="Remove the file if nothing needs it; otherwise report this.",
        file=file,
    )


def _changed(settings: Settings) -> set[str]:
    """Return the receipts that are new or, after a replay, changed since withdrawals were last looked for."""
    try:
        seen: dict[str, int] = json.loads(_mark_file(settings).read_bytes())
    except (OSError, ValueError):
        # Then all are looked at, which costs time and no more.
        seen = {}
    return {name for name, changed_at in _receipt_times(settings).items() if seen.get(name) != changed_at}


def _mark(settings: Settings) -> None:
    write_text(_mark_file(settings), json.dumps(_receipt_times(settings)))


def _mark_file(settings: Settings) -> Path:
    return settings.layout.work / "withdrawals.json"


def _receipt_times(settings: Settings) -> dict[str, int]:
    receipts = settings.layout.receipts
    return {file.relative_to(receipts).as_posix(): file.stat().st_mtime_ns for file in receipts.glob("*/*.json")}


def _receipts_of(settings: Settings, names: set[str]) -> list[Receipt]:
    clinics = sorted({name.split("/", 1)[0] for name in names})
    found = (receipt for clinic_id in clinics for receipt in read_receipts(settings.layout, clinic_id))
    return [item for item in found if f"{item.clinic_id}/{item.delivery_id}.json" in names]
