"""Clinics whose deliveries a test can cut to the rows of one patient, or to all but those.

What does not belong here: the registry's own idea of what is a patient's; this one is told from the names of the columns,
so that each checks the other.
"""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from registry_pipeline.ingest.run import ingest_landing
from registry_pipeline.settings import Settings
from registry_pipeline.simulate.run import simulate

Row = dict[str, str]

HEAD = "clinic_id: {clinic}\nversion: 1.0.0\nclinic_type: pain\ndeid_method: safe_harbor\nfiles:\n"
ENTRY = '  - {{pattern: "{table}_*.csv", format: csv, mode: {mode}, tables: [{{table: {table}}}]}}\n'


@dataclass(frozen=True)
class Deliveries:
    """What a clinic sends: rows by table, in the registry's own words."""

    tables: dict[str, list[Row]]

    def keys_of(self, patient: str) -> set[str]:
        """Return the ids of a patient's rows: of courses, sessions and so on, and of the patient."""
        keys, n_before = {patient}, 0
        while len(keys) > n_before:
            n_before = len(keys)
            for rows in self.tables.values():
                for row in rows:
                    first = next(iter(row))
                    if _is_of(row, keys) and first.endswith("_id"):
                        keys.add(row[first])
        return keys

    def filtered(self, is_kept: Callable[[Row], bool]) -> "Deliveries":
        """Return only some of the rows."""
        return Deliveries({table: [row for row in rows if is_kept(row)] for table, rows in self.tables.items()})

    def of(self, patient: str) -> "Deliveries":
        """Return the rows of a patient."""
        keys = self.keys_of(patient)
        return self.filtered(lambda row: _is_of(row, keys))

    def without(self, patient: str) -> "Deliveries":
        """Return all rows but those of a patient."""
        keys = self.keys_of(patient)
        return self.filtered(lambda row: not _is_of(row, keys))

    def counts(self) -> dict[str, int]:
        """Return the number of rows of each table that has any."""
        return {table: len(rows) for table, rows in self.tables.items() if rows}

    def drop(self, settings: Settings, name: str = "1", clinic: str = "C001") -> None:
        """Write the deliveries into the clinic's landing folder, one file for each table."""
        folder = settings.layout.landing / clinic
        folder.mkdir(parents=True, exist_ok=True)
        for table, rows in self.tables.items():
            if rows:
                own = [row | ({"clinic_id": clinic} if "clinic_id" in row else {}) for row in rows]
                (folder / f"{table}_{name}.csv").write_text(as_csv(own), encoding="utf-8")


def as_csv(rows: list[Row]) -> str:
    """Return rows as a CSV file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def simulated(folder: Path, n_patients: int) -> Deliveries:
    """Return the deliveries of a clinic without defects."""
    settings = Settings(home=folder, settle_seconds=0)
    simulate(settings, n_clinics=1, n_patients=n_patients, seed=5, with_defects=False)
    tables = {}
    for file in sorted((settings.layout.landing / "C001").glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as handle:
            tables[file.name.rsplit("_", 1)[0]] = list(csv.DictReader(handle))
    return Deliveries({table: rows for table, rows in tables.items() if rows})


def busiest(deliveries: Deliveries) -> str:
    """Return the patient with rows in the most tables, and then with the most rows."""
    patients = [row["patient_id"] for row in deliveries.tables["patient"]]
    return max(patients, key=lambda patient: (len(deliveries.of(patient).counts()), len(deliveries.keys_of(patient))))


def new_home(
    folder: Path, deliveries: Deliveries, *, mode: str = "snapshot", clinics: tuple[str, ...] = ("C001",)
) -> Settings:
    """Return a home whose clinics have a feed for each table, and no delivery yet."""
    settings = Settings(home=folder, settle_seconds=0)
    (settings.layout.root / "feeds").mkdir(parents=True)
    settings.layout.landing.mkdir()
    for clinic in clinics:
        entries = "".join(ENTRY.format(table=table, mode=mode) for table in deliveries.tables)
        (settings.layout.root / "feeds" / f"{clinic}.yaml").write_text(HEAD.format(clinic=clinic) + entries)
    return settings


def take(settings: Settings) -> None:
    """Ingest what has landed, and insist that it could be looked at."""
    assert ingest_landing(settings).problems == []


def consent(patient: str, event: str, *, seq: int, day: int) -> Row:
    """Return a step of consent."""
    return {"patient_id": patient, "seq": str(seq), "event": event, "study_day": str(day), "version": "v1"}


def _is_of(row: Row, keys: set[str]) -> bool:
    if "patient_id" in row:
        return row["patient_id"] in keys
    return any(value in keys for name, value in row.items() if name.endswith("_id") and name != "clinic_id")
