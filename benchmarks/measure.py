"""How every part of the benchmark is measured, in the same way for all of them.

What belongs here: clocks, memory, and the file in which a worker leaves its figures. What does not: any work that is
measured. Nothing heavy is imported, so that a worker's memory is its own.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Clock:
    """Times the stages of one worker, a process of its own.

    Libraries are imported before a stage, by every worker alike: start-up is a figure of its own.
    """

    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block."""
        started, cpu = time.perf_counter(), _cpu_seconds()
        yield
        self.stages[name] = {"seconds": time.perf_counter() - started, "cpu_seconds": _cpu_seconds() - cpu}

    def leave_at(self, path: Path) -> None:
        """Write the figures for the process that started this one."""
        figures = {
            "stages": self.stages,
            "counts": self.counts,
            "peak_rss_mb": peak_rss_mb(),
        }
        path.write_text(json.dumps(figures), encoding="utf-8")


def peak_rss_mb() -> float:
    """Return the most memory that this process held, in MiB."""
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def worker_arguments(description: str | None) -> argparse.ArgumentParser:
    """Return the arguments that every worker takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, required=True, help="Folder of the simulated data.")
    parser.add_argument("--out", type=Path, required=True, help="Folder to work in; its content is replaced.")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--result", type=Path, required=True, help="File for the figures.")
    return parser
