"""The fixed cost of a delivery: many clinics, each with a feed of its own and one small file, in one night.

What belongs here: making that home, and timing the stages of two nights in it: one in which all is new, one in which
nothing is. What does not: throughput on large files (`run.py`).
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

N_ROWS = 200
_HEADER = "patient_id,age_band,sex,region,weight_kg,data_cut_day"
_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64")
_FEED = """\
clinic_id: {clinic_id}
version: 1.0.0
clinic_type: pain
deid_method: safe_harbor
files:
  - pattern: "patients*.csv"
    format: csv
    mode: snapshot
    tables: [{{table: patient}}]
"""


def make_home(home: Path, n_clinics: int) -> None:
    """Write the feeds and the files of so many clinics."""
    chance = random.Random(1)  # noqa: S311 - simulated patients, not secrets
    feeds = home / "feeds"
    feeds.mkdir(parents=True)
    for number in range(n_clinics):
        clinic_id = f"C{number:03}"
        (feeds / f"{clinic_id}.yaml").write_text(_FEED.format(clinic_id=clinic_id), encoding="utf-8")
        folder = home / "landing" / clinic_id
        folder.mkdir(parents=True)
        lines = [_HEADER, *(_patient(chance) for _ in range(N_ROWS))]
        (folder / "patients_1.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _patient(chance: random.Random) -> str:
    patient_id = f"p_{chance.randrange(10**26):026d}"
    return f"{patient_id},{chance.choice(_BANDS)},female,unknown,{chance.randint(50, 110)},{chance.randint(0, 400)}"


@contextmanager
def _timed(name: str, figures: dict[str, float]) -> Iterator[None]:
    started = time.perf_counter()
    yield
    figures[name] = round(time.perf_counter() - started, 3)


def measure(home: Path) -> dict[str, float]:
    """Return the seconds of each stage of a first night, and of a second one without news."""
    figures: dict[str, float] = {}
    with _timed("import", figures):
        from registry_pipeline.ingest.run import ingest_landing  # noqa: PLC0415 - its time is a figure
        from registry_pipeline.nightly import run_nightly  # noqa: PLC0415 - likewise
        from registry_pipeline.settings import Settings  # noqa: PLC0415 - likewise
    settings = Settings(home=home)
    with _timed("ingest", figures):
        ingest_landing(settings)
    with _timed("build_and_release", figures):
        run_nightly(settings)
    with _timed("night_without_news", figures):
        run_nightly(settings)
    return figures


def main() -> int:
    """Measure and print the figures as JSON."""
    parser = argparse.ArgumentParser(description="Time a night of many clinics with one small file each.")
    parser.add_argument("--clinics", type=int, default=1_000, help="how many clinics")
    n_clinics = parser.parse_args().clinics
    with TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        make_home(home, n_clinics)
        time.sleep(2.5)  # a file younger than the settling time would be waited for
        figures = measure(home)
    sys.stdout.write(json.dumps({"n_clinics": n_clinics, "n_rows": N_ROWS, "seconds": figures}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
