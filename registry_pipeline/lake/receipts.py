"""Receipts: what became of each delivery. They are the only ledger; all state is derived from them."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from registry_pipeline.errors import ConfigurationError
from registry_pipeline.lake.atomic import write_text
from registry_pipeline.lake.paths import Home

Mode = Literal["snapshot", "incremental"]
Status = Literal["accepted", "partial", "refused"]


@dataclass(frozen=True)
class Counts:
    """Records of a delivery, or of one table in it: read = accepted + quarantined + duplicate, always."""

    n_records: int = 0
    n_accepted: int = 0
    n_quarantined: int = 0
    n_duplicate: int = 0

    @property
    def is_balanced(self) -> bool:
        """Tell whether every record read is accounted for."""
        return self.n_records == self.n_accepted + self.n_quarantined + self.n_duplicate

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.n_records + other.n_records,
            self.n_accepted + other.n_accepted,
            self.n_quarantined + other.n_quarantined,
            self.n_duplicate + other.n_duplicate,
        )


@dataclass(frozen=True)
class Refusal:
    """Why a delivery was refused whole."""

    rule_id: str
    reason: str
    remedy: str
    line: int | None = None


@dataclass(frozen=True)
class Attempt:
    """An earlier judgement of a delivery, which a later one replaced. Its quarantine file stays as history."""

    attempt: int
    judged_at: str
    feed_version: str
    contract_version: str
    status: Status
    counts: Counts
    rules: dict[str, int] = field(default_factory=dict)
    refusal: Refusal | None = None


@dataclass(frozen=True)
class Receipt:
    """What became of one delivery (one file, known by the SHA-256 of its bytes)."""

    delivery_id: str
    clinic_id: str
    file_name: str
    """Path below `landing/<clinic_id>/`, POSIX style."""
    source: str
    """The feed's file pattern that took it; a snapshot replaces earlier deliveries of the same source."""
    mode: Mode
    sequence: int | None
    """The clinic's own number of the delivery, when the feed says where it stands in the file name."""
    arrival_no: int
    """1, 2, 3 … per clinic, in the order of ingestion."""
    received_at: str
    """UTC, ISO 8601."""
    n_bytes: int
    feed_version: str
    contract_version: str
    rules_fingerprint: str
    """Hash of the feed and contracts that judged it; a refused delivery is tried again when it changes."""
    status: Status
    counts: Counts
    tables: dict[str, Counts] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)
    """Findings that refuse a record or mark it a duplicate, by rule id."""
    warnings: dict[str, int] = field(default_factory=dict)
    """Findings on accepted records, by rule id."""
    refusal: Refusal | None = None
    attempt: int = 1
    """How often it has been judged: 1 at first, one more with each replay."""
    erased: dict[str, int] = field(default_factory=dict)
    """Accepted rows, by table, that were erased afterwards because a patient withdrew with deletion."""
    replayed_at: str | None = None
    """When the attempt that counts was made, if that was not on arrival. UTC, ISO 8601."""
    history: tuple[Attempt, ...] = ()
    """The attempts before the one that counts, the first of them first."""

    @property
    def judged_at(self) -> str:
        """Return when the attempt that counts was made."""
        return self.replayed_at or self.received_at

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Return all attempts, the one that counts last."""
        return (
            *self.history,
            Attempt(
                self.attempt,
                self.judged_at,
                self.feed_version,
                self.contract_version,
                self.status,
                self.counts,
                self.rules,
                self.refusal,
            ),
        )

    @property
    def key(self) -> tuple[str, str]:
        """Return what names the delivery: two clinics may send the same bytes, such as a header alone."""
        return (self.clinic_id, self.delivery_id)

    @property
    def order(self) -> tuple[int, int]:
        """Return what decides which of two deliveries of a clinic is the later one."""
        return (self.sequence or 0, self.arrival_no)


def write_receipt(home: Home, receipt: Receipt) -> Path:
    """Commit a delivery: after this, and only after this, it exists."""
    path = home.receipt_file(receipt.clinic_id, receipt.delivery_id)
    write_text(path, json.dumps(asdict(receipt), indent=2, sort_keys=True) + "\n")
    return path


def _from_json(data: dict[str, Any]) -> Receipt:
    parts = {
        "tables": {name: Counts(**counts) for name, counts in data["tables"].items()},
        "history": tuple(Attempt(**_judgement(attempt)) for attempt in data.get("history", ())),
    }
    return Receipt(**_judgement(data) | parts)


def _judgement(data: dict[str, Any]) -> dict[str, Any]:
    refusal = data["refusal"]
    return {**data, "counts": Counts(**data["counts"]), "refusal": Refusal(**refusal) if refusal else None}


def read_receipts(home: Home, clinic_id: str | None = None) -> Iterator[Receipt]:
    """Yield the receipts of a home, by clinic and then in order of arrival.

    Raises:
        ConfigurationError: If a receipt cannot be read, naming it.
    """
    receipts = [_read(path) for path in home.receipts.glob(f"{clinic_id or '*'}/*.json")]
    yield from sorted(receipts, key=lambda receipt: (receipt.clinic_id, receipt.arrival_no, receipt.delivery_id))


def _read(path: Path) -> Receipt:
    stat = path.stat()
    return _parsed(path, stat.st_ino, stat.st_mtime_ns, stat.st_size)


# Several stages of a night read all receipts. A receipt that is replaced is a new file, so its inode tells it apart.
@lru_cache(maxsize=65_536)
def _parsed(path: Path, _inode: int, _modified_ns: int, _size: int) -> Receipt:
    try:
        return _from_json(json.loads(path.read_bytes()))
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(
            "This receipt cannot be read.",
            remedy="Move it away and run again: its delivery will be ingested afresh.",
            file=path,
        ) from error
