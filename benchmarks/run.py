"""The benchmark: floor, this pipeline and the peer on the same files, one process at a time; `make bench` runs it.

What belongs here: the order of the parts, a process for each, and what is kept of their figures. What does not: the
work itself (floor.py, pipeline.py, peer.py), the clocks (measure.py), the sums and how they look (report.py).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.data import Data, is_current, read_data
from benchmarks.report import print_report, say, summary

ROOT = Path(__file__).resolve().parents[1]
_PARTS = {
    "floor": ("floor", "floor"),
    "ingest": ("pipeline", "home", "--stage", "ingest"),
    "ingest_damaged": ("pipeline", "damaged", "--stage", "ingest", "--damaged"),
    "build": ("pipeline", "home", "--stage", "build"),
    "release": ("pipeline", "home", "--stage", "release"),
    "peer": ("peer", "peer", "--text", "arrow"),
    "peer_plain": ("peer", "peer", "--text", "python"),
}
"""The worker of each part, the folder it works in, and its own arguments."""


class WorkerError(Exception):
    """A part of the benchmark failed."""


class Bench:
    """One size of the benchmark, in a folder of its own."""

    def __init__(self, folder: Path, threads: int) -> None:
        self.folder = folder
        self.threads = threads
        folder.mkdir(parents=True, exist_ok=True)

    def data(self, n_assessments: int) -> Data:
        """Return the simulated data, simulated only when they are not there yet."""
        folder = self.folder / "data"
        if not is_current(folder):
            say(f"simulating about {n_assessments:,} assessments")
            self._run("data", "--n", str(n_assessments), "--folder", str(folder))
        return read_data(folder)

    def round(self, parts: list[str]) -> dict[str, dict[str, Any]]:
        """Run the parts once, in the order of a night, and return their figures."""
        return {name: self._measure(name, *arguments) for name, arguments in _PARTS.items() if name in parts}

    def clear(self) -> None:
        """Remove what the parts wrote; the simulated data stay."""
        for name in {folder for _, folder, *_ in _PARTS.values()}:
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def _measure(self, name: str, module: str, out: str, *arguments: str) -> dict[str, Any]:
        say(f"measuring {name}")
        result = self.folder / "figures.json"
        result.unlink(missing_ok=True)
        places = ("--data", str(self.folder / "data"), "--out", str(self.folder / out), "--result", str(result))
        started = time.perf_counter()
        self._run(module, *places, "--threads", str(self.threads), *arguments)
        process_seconds = time.perf_counter() - started
        figures: dict[str, Any] = json.loads(result.read_bytes())
        figures["startup_seconds"] = process_seconds - sum(stage["seconds"] for stage in figures["stages"].values())
        return figures

    def _run(self, module: str, *arguments: str) -> None:
        # Libraries that choose their own number of threads are held to the same number as the others.
        threads = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS"), str(self.threads))
        environment = os.environ | threads | {"GX_ANALYTICS_ENABLED": "false", "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
        if subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, check=False).returncode:
            raise WorkerError(f"`{' '.join(command[1:3])}` failed; what it said is above.")


def main() -> int:
    """Run the benchmark and return the exit code."""
    arguments = _arguments()
    bench = Bench(arguments.folder.resolve() / str(arguments.n), arguments.threads)
    try:
        data = bench.data(arguments.n)
        # A first reading of every file, so that no part pays for a cold disk.
        data.read_once()
        rounds = [bench.round(arguments.parts) for _ in range(arguments.repeat)]
    except WorkerError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    finally:
        bench.clear()
    result = summary(data, rounds, threads=arguments.threads)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print_report(result, arguments.output)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure floor, pipeline and peer on the same simulated files.")
    parser.add_argument("--n", "--assessments", type=int, default=1_000_000, help="about how many assessments")
    parser.add_argument("--threads", type=int, default=2, help="threads for every part")
    parser.add_argument("--repeat", type=int, default=1, help="rounds; of every stage the fastest one counts")
    parser.add_argument("--parts", nargs="+", choices=list(_PARTS), default=list(_PARTS), help="what to measure")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bench", help="where data and work lie")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench.json", help="file for the figures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
