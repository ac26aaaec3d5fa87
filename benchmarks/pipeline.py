"""This pipeline on the same CSV files, one stage in one process: ingest, build, release.

What belongs here: calling the stages as the nightly run does, in a fresh home. What does not: any shortcut that a
nightly run does not take.
"""

import importlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.data import read_data
from benchmarks.measure import Clock, worker_arguments
from registry_pipeline.settings import Settings


def ingest(settings: Settings, clock: Clock) -> None:
    """Take every file of landing; fail if one is not taken or does not balance."""
    from registry_pipeline.ingest.run import ingest_landing  # noqa: PLC0415 - each stage loads only what it needs

    _import("polars", "pyarrow.parquet", "registry_pipeline.ingest.delivery")
    _import("pandera.polars", "pandera.backends.polars.builtin_checks")
    with clock.stage("ingest"):
        summary = ingest_landing(settings)
    if summary.problems:
        raise SystemExit(f"ingest reported {len(summary.problems)} problems; the first: {summary.problems[0]}")
    for name in ("n_records", "n_accepted", "n_quarantined", "n_duplicate"):
        clock.counts[name] = sum(getattr(receipt.counts, name) for receipt in summary.receipts)


def build(settings: Settings, clock: Clock) -> None:
    """Build the warehouse from the lake."""
    from registry_pipeline.warehouse.build import build_warehouse  # noqa: PLC0415 - likewise

    _import("duckdb", "sqlmesh", "pandas", "scipy.stats")
    with clock.stage("build"):
        build_warehouse(settings)


def release(settings: Settings, clock: Clock) -> None:
    """Gate and publish the build."""
    from registry_pipeline.release.publish import publish_release  # noqa: PLC0415 - likewise
    from registry_pipeline.warehouse.build import read_build  # noqa: PLC0415 - likewise

    built = read_build(settings)
    if built is None:
        raise SystemExit("there is no build to release; run the stage `build` first")
    _import("duckdb", "polars", "great_expectations", "registry_pipeline.release.write")
    with clock.stage("release"):
        publish_release(settings, built)


STAGES: dict[str, Callable[[Settings, Clock], None]] = {"ingest": ingest, "build": build, "release": release}


def _import(*names: str) -> None:
    """Import what the pipeline imports late, so that start-up does not count as work."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    for name in names:
        importlib.import_module(name)


def _prepare(home: Path, data: Path, *, is_damaged: bool) -> None:
    """Make a fresh home over the simulated landing folder, which stays where it is, or over a damaged copy of it."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / "feeds").symlink_to(data / "feeds")
    if not is_damaged:
        (home / "landing").symlink_to(data / "landing")
        return
    for file in (data / "landing").rglob("*.csv"):
        copy = home / file.relative_to(data)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with file.open("rb") as clean, copy.open("wb") as damaged:
            damaged.writelines(_damaged(line, number) for number, line in enumerate(clean))


def _damaged(line: bytes, number: int) -> bytes:
    """Return one line in a hundred with a stray quote, a surplus delimiter, or cut short."""
    if number % 100 or number == 0:
        return line
    middle = len(line) // 2
    return (line[:middle] + b'"' + line[middle:], b"," + line, line[:middle] + b"\n")[number // 100 % 3]


def main() -> None:
    """Run one stage."""
    parser = worker_arguments(__doc__)
    parser.add_argument("--stage", choices=list(STAGES), required=True)
    parser.add_argument("--damaged", action="store_true", help="Spoil one line in a hundred first.")
    arguments = parser.parse_args()
    if arguments.stage == "ingest":
        _prepare(arguments.out, read_data(arguments.data).folder, is_damaged=arguments.damaged)
    # The files are whole: waiting for them to settle is not work.
    settings = Settings(home=arguments.out, threads=arguments.threads, settle_seconds=0)
    clock = Clock()
    STAGES[arguments.stage](settings, clock)
    clock.leave_at(arguments.result)


if __name__ == "__main__":
    main()
