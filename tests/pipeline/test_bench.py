"""The benchmark runs, and measures work that is the same on every side."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report import summary
from benchmarks.data import Data, Table

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def run_bench(folder: Path, *arguments: str) -> tuple[dict[str, Any], str]:
    """Run the benchmark at a tiny size; return bench.json and what was said."""
    output = folder / "bench.json"
    command = [sys.executable, str(ROOT / "benchmarks" / "run.py"), "--n", "2000", "--folder", str(folder)]
    done = subprocess.run(
        [*command, "--output", str(output), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(output.read_text()), done.stdout + done.stderr
