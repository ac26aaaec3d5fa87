"""The layout of a registry home: every path in one place."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The folder that holds everything a deployment owns."""

    root: Path

    @property
    def landing(self) -> Path:
        """Files as dropped by the clinics, one folder per clinic; never modified."""
        return self.root / "landing"

    @property
    def lake(self) -> Path:
        """Accepted rows, typed, immutable."""
        return self.root / "lake"

    @property
    def quarantine(self) -> Path:
        """Refused and duplicate records with line, rule and reason."""
        return self.root / "quarantine"

    @property
    def receipts(self) -> Path:
        """One JSON per delivery; its presence is the commit."""
        return self.root / "receipts"

    @property
    def tombstones(self) -> Path:
        """What is still known of patients whose rows were erased: one JSON per patient."""
        return self.root / "tombstones"

    @property
    def work(self) -> Path:
        """Private build files, DuckDB's temp folder, the lock. Safe to delete when no run is going."""
        return self.root / "work"

    @property
    def releases(self) -> Path:
        """Published releases, immutable."""
        return self.root / "releases"

    @property
    def current(self) -> Path:
        """The link to the release that analysts read."""
        return self.root / "current"

    @property
    def truth(self) -> Path:
        """What the simulator planted; absent in a real deployment."""
        return self.root / "truth"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME."""
        return self.root / "dagster"

    @property
    def lock(self) -> Path:
        """The file that a working run holds locked."""
        return self.work / "registry.lock"

    def lake_file(self, table: str, clinic_id: str, delivery_id: str, attempt: int = 1) -> Path:
        """Return where the rows of one table lie that an attempt at judging a delivery accepted."""
        return self.lake / table / f"clinic_id={clinic_id}" / _parquet_name(delivery_id, attempt)

    def quarantine_file(self, clinic_id: str, delivery_id: str, attempt: int = 1) -> Path:
        """Return where the records lie that an attempt at judging a delivery refused or found to be duplicates."""
        return self.quarantine / f"clinic_id={clinic_id}" / _parquet_name(delivery_id, attempt)

    def receipt_file(self, clinic_id: str, delivery_id: str) -> Path:
        """Return where a delivery's receipt lies."""
        return self.receipts / clinic_id / f"{delivery_id}.json"


def _parquet_name(delivery_id: str, attempt: int) -> str:
    """Return a name that tells attempts apart, so that a replay writes beside what still counts, never over it."""
    return f"{delivery_id}.parquet" if attempt == 1 else f"{delivery_id}.{attempt}.parquet"
