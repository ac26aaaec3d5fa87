"""The fuzz run: many small damaged files through the whole of ingest, and what must be true of every one of them.

    .venv/bin/python -m benchmarks.fuzz --files 100000 --seed 1

No crash (a file may be refused, with a reason), records read = accepted + quarantined + duplicates, a receipt that can
be read back, and every record that nothing touched is in the lake once, unaltered, with its line. File `--first N
--files 1` of the same seed is the same file again; `--keep DIR` leaves it there.

What belongs here: driving ingest and checking. What does not: making the files (damaged.py).
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import polars as pl
import yaml

from benchmarks.damaged import (
    COLUMNS,
    DIALECTS,
    REMARK,
    Sample,
    csv_sample,
    excel_sample,
    json_sample,
    ndjson_sample,
    packed_sample,
    parquet_sample,
)
from registry_pipeline.ingest.run import IngestSummary, ingest_landing
from registry_pipeline.lake.receipts import Receipt, read_receipts
from registry_pipeline.settings import Settings

_CLINIC = "C001"
_PER_HOME = 1_000
_FAST_DISK = Path("/dev/shm")  # noqa: S108 - where it exists, nothing is written to a disk


@dataclass
class Outcome:
    """What some files came to."""

    n_files: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        """Add what other files came to."""
        self.n_files += other.n_files
        self.counts.update(other.counts)
        self.failures += other.failures


def make(seed: int, index: int) -> tuple[str, Sample]:
    """Return the name and content of one file."""
    rng = Random(f"{seed}/{index}")  # noqa: S311 - for tests, not for secrets
    dialect = rng.randrange(len(DIALECTS))
    kind = rng.choices(
        ["csv", "clean.csv", "ndjson", "json", "packed.csv", "parquet", "xlsx"], [60, 8, 12, 6, 8, 3, 3]
    )[0]
    sample = {
        "csv": lambda: csv_sample(rng, DIALECTS[dialect]),
        "clean.csv": lambda: csv_sample(rng, DIALECTS[dialect], is_damaged=False),
        "ndjson": lambda: ndjson_sample(rng),
        "json": lambda: json_sample(rng),
        "packed.csv": lambda: packed_sample(rng, csv_sample(rng, DIALECTS[dialect])),
        "parquet": lambda: parquet_sample(rng),
        "xlsx": lambda: excel_sample(rng),
    }[kind]()
    return f"{index:07d}_{dialect:02d}.{kind}", sample


def feed() -> str:
    """Return a feed that takes all of the files."""
    entries = [
        {
            "pattern": f"*_{number:02d}.*csv",
            "format": "csv",
            "csv": {"delimiter": dialect.delimiter, "quote": dialect.quote, "encoding": dialect.encoding},
            "tables": [{"table": "course"}],
        }
        for number, dialect in enumerate(DIALECTS)
    ]
    entries += [
        {"pattern": f"*.{name}", "format": name, "tables": [{"table": "course"}]}
        for name in ("ndjson", "json", "parquet")
    ]
    entries.append({"pattern": "*.xlsx", "format": "excel", "tables": [{"table": "course", "sheet": "Courses"}]})
    files = [entry | {"mode": "incremental", "ignore": [REMARK]} for entry in entries]
    about = {"clinic_id": _CLINIC, "version": "1.0.0", "clinic_type": "pain", "deid_method": "safe_harbor"}
    return yaml.safe_dump(about | {"files": files}, allow_unicode=True)


def run(seed: int, first: int, n_files: int) -> Outcome:
    """Take some files in a home of their own, and check every one."""
    samples = dict(make(seed, index) for index in range(first, first + n_files))
    with tempfile.TemporaryDirectory(dir=_FAST_DISK if _FAST_DISK.is_dir() else None) as folder:
        settings = Settings(home=Path(folder), settle_seconds=0)
        write(settings, samples)
        try:
            summary = ingest_landing(settings)
        except BaseException as error:  # noqa: BLE001 - a panic of a library is no Exception
            return _narrowed(seed, first, n_files, error)
        return check(settings, samples, summary)


def _narrowed(seed: int, first: int, n_files: int, error: BaseException) -> Outcome:
    """Find the file that stopped the whole run."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    if n_files == 1:
        return Outcome(1, Counter(crash=1), [f"{first}: stopped the run with {type(error).__name__}"])
    outcome = Outcome()
    for index in range(first, first + n_files):
        outcome.add(run(seed, index, 1))
    return outcome


def write(settings: Settings, samples: dict[str, Sample]) -> None:
    """Lay out a home with the feed and the files."""
    home = settings.layout
    (home.root / "feeds").mkdir(parents=True)
    (home.root / "feeds" / f"{_CLINIC}.yaml").write_text(feed(), encoding="utf-8")
    landing = home.landing / _CLINIC
    landing.mkdir(parents=True)
    for name, sample in samples.items():
        (landing / name).write_bytes(sample.content)


def check(settings: Settings, samples: dict[str, Sample], summary: IngestSummary) -> Outcome:
    """Hold what became of the files against what must be true of them."""
    outcome = Outcome(len(samples))
    receipts = {receipt.file_name: receipt for receipt in read_receipts(settings.layout)}
    problems = {Path(problem.file or "").name: problem for problem in summary.problems}
    accepted = _accepted(settings)
    seen = {sample.content for name, sample in samples.items() if name in receipts}
    for name, sample in samples.items():
        receipt = receipts.get(name)
        if receipt is None and name not in problems and sample.content in seen:
            outcome.counts["same bytes"] += 1
            continue
        faults = (
            [f"no receipt: {problems.get(name, 'and no word of it')}"]
            if receipt is None
            else list(_faults(sample, receipt, accepted.get(receipt.delivery_id, {})))
        )
        outcome.counts[f"{name.split('.', 1)[1]} {receipt.status if receipt else 'untaken'}"] += 1
        outcome.failures += [f"{int(name[:7])}: {name}: {fault}" for fault in faults]
    return outcome


def _accepted(settings: Settings) -> dict[str, dict[int, dict[str, str]]]:
    """Return the accepted courses by delivery and line, as text."""
    found: dict[str, dict[int, dict[str, str]]] = {}
    for path in settings.layout.root.glob("lake/course/**/*.parquet"):
        frame = pl.read_parquet(path, hive_partitioning=False)
        for row in frame.select("delivery_id", "line", *(pl.col(name).cast(pl.String) for name in COLUMNS)).iter_rows(
            named=True
        ):
            lines = found.setdefault(row.pop("delivery_id"), {})
            line = row.pop("line")
            lines[line] = row if line not in lines else {"line": "twice"}
    return found


def _faults(sample: Sample, receipt: Receipt, accepted: dict[int, dict[str, str]]) -> Iterator[str]:
    if not receipt.counts.is_balanced or receipt.counts.n_accepted != len(accepted):
        yield "the counts do not add up"
    if receipt.status == "refused":
        rule_id = receipt.refusal.rule_id if receipt.refusal else "without a reason"
        if not sample.may_be_refused and rule_id not in sample.refusals:
            yield f"refused: {rule_id}"
        return
    for line, row in sample.intact.items():
        if line not in accepted:
            yield f"line {line} is intact and was not accepted ({dict(receipt.rules)})"
        elif any(accepted[line][name] != row[name] for name in COLUMNS):
            yield f"line {line} was altered"


def _chunks(first: int, n_files: int) -> Iterator[tuple[int, int]]:
    for start in range(first, first + n_files, _PER_HOME):
        yield start, min(_PER_HOME, first + n_files - start)


def _run_chunk(arguments: tuple[int, int, int]) -> Outcome:
    return run(*arguments)


def main() -> None:
    """Run and report; exit with 1 if a single file failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="Index of the first file.")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="Write the files here and take none of them.")
    arguments = parser.parse_args()
    if arguments.keep:
        shutil.rmtree(arguments.keep, ignore_errors=True)
        indices = range(arguments.first, arguments.first + arguments.files)
        write(Settings(home=arguments.keep), dict(make(arguments.seed, index) for index in indices))
        return
    # Two processes with as many threads each as there are cores would only be in each other's way.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    outcome, started = Outcome(), time.perf_counter()
    with ProcessPoolExecutor(arguments.processes) as pool:
        work = [(arguments.seed, *chunk) for chunk in _chunks(arguments.first, arguments.files)]
        for part in pool.map(_run_chunk, work):
            outcome.add(part)
            for failure in part.failures:
                print(f"\rFAILED {failure}", file=sys.stderr)
            rate = outcome.n_files / (time.perf_counter() - started)
            print(f"\r{outcome.n_files:,} files, {rate:.0f}/s, {len(outcome.failures)} failed", end="", file=sys.stderr)
    print(file=sys.stderr)
    _report(outcome, arguments.seed)


def _report(outcome: Outcome, seed: int) -> None:
    print(f"{outcome.n_files:,} files, seed {seed}")
    for name, number in sorted(outcome.counts.items()):
        print(f"  {name:24} {number:>8,}")
    if outcome.failures:
        index = outcome.failures[0].split(":", 1)[0]
        print(f"Look at the first: python -m benchmarks.fuzz --seed {seed} --first {index} --files 1 --keep DIR")
        raise SystemExit(1)
    print("Every file: no crash, balanced, nothing intact lost or altered.")


if __name__ == "__main__":
    main()
