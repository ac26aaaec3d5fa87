"""A small home with one clinic, and helpers to drop files and to look at what became of them."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from registry_pipeline.ingest.run import IngestSummary, ingest_landing
from registry_pipeline.settings import Settings


def patient_id(number: int) -> str:
    """Return a well-formed patient id."""
    return f"p_{number:026d}"


FEED = """
clinic_id: C001
version: 1.0.0
clinic_type: pain
deid_method: safe_harbor
files:
"""

COURSES = """
  - pattern: "course*.csv"
    format: csv
    mode: snapshot
    tables: [{table: course}]
"""

COURSE_HEADER = "course_id,patient_id,course_no,intent,target_dx_seq,start_day,end_reason,payer_type"


def course_line(number: int, **changes: str) -> str:
    """Return a course that every rule accepts, but for the changes."""
    cells = {
        "course_id": f"c{number}",
        "patient_id": patient_id(number),
        "course_no": "1",
        "intent": "induction",
        "target_dx_seq": "1",
        "start_day": "0",
        "end_reason": "completed",
        "payer_type": "self",
    } | changes
    return ",".join(cells.values())


@dataclass
class Workbench:
    """A registry home to play with."""

    settings: Settings

    @property
    def home(self) -> Path:
        return self.settings.layout.root

    def feed(self, entries: str = COURSES, clinic_id: str = "C001") -> None:
        folder = self.home / "feeds"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{clinic_id}.yaml").write_text(FEED.replace("C001", clinic_id) + entries)

    def drop(self, name: str, content: str | bytes, clinic_id: str = "C001") -> Path:
        path = self.home / "landing" / clinic_id / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def ingest(self) -> IngestSummary:
        return ingest_landing(self.settings)

    def lake(self, table: str) -> pl.DataFrame:
        files = sorted((self.home / "lake" / table).rglob("*.parquet"))
        return pl.concat([pl.read_parquet(file, hive_partitioning=False) for file in files])

    def quarantine(self) -> pl.DataFrame:
        files = sorted((self.home / "quarantine").rglob("*.parquet"))
        return pl.concat([pl.read_parquet(file, hive_partitioning=False) for file in files])

    def findings(self) -> list[tuple[int, str]]:
        return sorted(self.quarantine().select("line", "rule_id").rows())


def new_bench(home: Path) -> Workbench:
    """Return a home whose only clinic sends courses as canonical CSV."""
    workbench = Workbench(Settings(home=home, settle_seconds=0))
    (workbench.home / "landing").mkdir(parents=True)
    workbench.feed()
    return workbench


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """Return such a home of one test."""
    return new_bench(tmp_path / "home")
