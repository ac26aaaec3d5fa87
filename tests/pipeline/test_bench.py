"""The benchmark runs, and the three parts that it compares do the same work."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.data import Data, Table
from benchmarks.report import summary

ROOT = Path(__file__).parents[2]
SIZE = "2000"


def spoil(file: Path) -> None:
    """Put one refused word, one refused number, one duplicate and one conflict into a file of diagnoses."""
    with file.open(encoding="utf-8", newline="") as handle:
        header, *rows = csv.reader(handle)
    code, months = header.index("dx_code"), header.index("duration_months")
    duplicate, conflict = list(rows[2]), list(rows[3])
    rows[0][code] = "melancholia"
    rows[1][months] = "-5"
    conflict[months] = "7" if conflict[months] == "6" else "6"
    with file.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows([header, *rows, duplicate, conflict])


LOST = 3
"""Good records of the file that are no longer accepted: two spoilt ones, and one that a conflict drags along."""


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the benchmark once, on simulated files of which one was spoilt."""
    folder = tmp_path_factory.mktemp("bench")
    data = folder / SIZE / "data"
    data.parent.mkdir()
    simulate = [sys.executable, "-m", "benchmarks.data", "--n", SIZE, "--folder", str(data)]
    subprocess.run(simulate, cwd=ROOT, check=True)
    spoil(max((data / "landing").glob("*/diagnosis_*.csv"), key=lambda file: file.stat().st_size))
    command = [sys.executable, str(ROOT / "benchmarks" / "run.py"), "--n", SIZE, "--folder", str(folder)]
    parts = ("--parts", "floor", "ingest", "build", "release", "peer")
    output = folder / "bench.json"
    done = subprocess.run(
        [*command, *parts, "--output", str(output)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {**json.loads(output.read_bytes()), "said": done.stdout + done.stderr, "folder": folder}


@pytest.mark.slow
def test_every_figure_that_is_promised_is_written(figures: dict[str, Any]) -> None:
    seconds = ("floor", "floor_copy", "ingest", "build", "release", "peer")
    assert all(figures[f"{name}_seconds"] > 0 for name in seconds)
    ratios = ("ingest_to_floor", "peer_to_ingest", "pipeline_to_floor", "peer_to_pipeline")
    assert all(figures[name] > 0 for name in ratios)
    assert figures["n_records"] > figures["n_assessments"] > 0
    assert figures["peak_rss_mb"] > 50


@pytest.mark.slow
def test_pipeline_and_peer_refuse_the_same_number_of_records(figures: dict[str, Any]) -> None:
    assert figures["n_accepted"] == figures["n_records"] - LOST
    assert figures["peer_n_accepted"] == figures["n_accepted"]


@pytest.mark.slow
def test_floor_and_peer_come_to_the_same_aggregates(figures: dict[str, Any]) -> None:
    assert figures["is_same_aggregates"] is True


@pytest.mark.slow
def test_data_that_are_there_are_not_simulated_again_and_nothing_else_stays(figures: dict[str, Any]) -> None:
    assert "simulating" not in figures["said"]
    assert [path.name for path in (figures["folder"] / SIZE).iterdir() if path.is_dir()] == ["data"]


def stage(seconds: float) -> dict[str, float]:
    return {"seconds": seconds, "cpu_seconds": seconds}


def test_the_fastest_round_counts_and_each_ratio_compares_the_same_job() -> None:
    def figures(copy: float, ingest: float, validate: float) -> dict[str, dict[str, Any]]:
        stages = {
            "floor": {"copy": stage(copy), "aggregate": stage(1)},
            "ingest": {"ingest": stage(ingest)},
            "build": {"build": stage(2)},
            "release": {"release": stage(3)},
            "peer": {"validate": stage(validate), "aggregate": stage(1), "gate": stage(1)},
        }
        counts = {"n_accepted": 10, "n_quarantined": 0}
        return {
            name: {
                "stages": timed,
                "counts": {} if name == "floor" else counts,
                "startup_seconds": 1.0,
                "peak_rss_mb": 100.0,
            }
            for name, timed in stages.items()
        }

    tables = {"outcome_assessment": Table("outcome_assessment", 10, [], {})}
    result = summary(Data(Path(), 1, "", tables), [figures(4, 8, 40), figures(2, 6, 30)], threads=2)
    assert (result["floor_copy_seconds"], result["ingest_seconds"]) == (2, 6)
    assert result["ingest_to_floor"] == 3
    assert result["peer_to_ingest"] == 5
    assert result["pipeline_to_floor"] == round((6 + 2 + 3) / (2 + 1), 2)
