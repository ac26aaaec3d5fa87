"""What the figures add up to, and how they look.

What belongs here: best of the rounds, ratios, targets, the table. What does not: measuring.
"""

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.data import Data

Round = dict[str, dict[str, Any]]

_STAGES = {
    "floor_copy": ("floor", "copy"),
    "floor_aggregate": ("floor", "aggregate"),
    "ingest": ("ingest", "ingest"),
    "ingest_damaged": ("ingest_damaged", "ingest"),
    "build": ("build", "build"),
    "release": ("release", "release"),
    "peer_validate": ("peer", "validate"),
    "peer_aggregate": ("peer", "aggregate"),
    "peer_gate": ("peer", "gate"),
    "peer_plain_validate": ("peer_plain", "validate"),
    "peer_plain_aggregate": ("peer_plain", "aggregate"),
    "peer_plain_gate": ("peer_plain", "gate"),
}
_TOTALS = {
    "floor": ("floor_copy", "floor_aggregate"),
    "pipeline": ("ingest", "build", "release"),
    "peer": ("peer_validate", "peer_aggregate", "peer_gate"),
    "peer_plain": ("peer_plain_validate", "peer_plain_aggregate", "peer_plain_gate"),
}
_RATIOS = {
    "ingest_to_floor": ("ingest", "floor_copy"),
    "damaged_to_floor": ("ingest_damaged", "floor_copy"),
    "pipeline_to_floor": ("pipeline", "floor"),
    "peer_to_ingest": ("peer_validate", "ingest"),
    "peer_plain_to_ingest": ("peer_plain_validate", "ingest"),
    "peer_to_pipeline": ("peer", "pipeline"),
}
"""What is compared with what; each pair does the same job."""
_LIBRARIES = ("duckdb", "polars", "pandas", "pandera", "pyarrow", "sqlmesh", "great-expectations")
_MAX_INGEST_TO_FLOOR, _MAX_DAMAGED_TO_FLOOR, _MIN_PEER_TO_INGEST, _MAX_PEAK_RSS_MB = 2.0, 3.0, 3.0, 1536


def say(message: str) -> None:
    """Tell what is going on."""
    Console(stderr=True, highlight=False).print(f"[dim]bench:[/] {message}")


def summary(data: Data, rounds: list[Round], *, threads: int) -> dict[str, Any]:
    """Return everything that goes into bench.json."""
    seconds = _with_totals(_best(rounds, "seconds"))
    cpu = _with_totals(_best(rounds, "cpu_seconds"))
    peaks = _peaks(rounds)
    return {
        "n_assessments": data.n_assessments,
        "n_records": data.n_records,
        "n_bytes": data.n_bytes,
        "n_files": sum(len(table.files) for table in data.tables.values()),
        **{f"{name}_seconds": round(value, 3) for name, value in seconds.items()},
        **{f"{name}_cpu_seconds": round(value, 3) for name, value in cpu.items()},
        "startup_seconds": {name: round(part["startup_seconds"], 2) for name, part in rounds[0].items()},
        **{f"{name}_records_per_second": round(data.n_records / value) for name, value in seconds.items() if value},
        "peak_rss_mb": max((peaks[name] for name in ("ingest", "build", "release") if name in peaks), default=None),
        **{f"{name}_peak_rss_mb": value for name, value in peaks.items()},
        **_ratios(seconds, ""),
        **_ratios(cpu, "_cpu"),
        "n_accepted": _count(rounds[0], "ingest", "n_accepted"),
        "n_quarantined": _count(rounds[0], "ingest", "n_quarantined"),
        "peer_n_accepted": _count(rounds[0], "peer", "n_accepted"),
        "is_same_aggregates": _is_same_aggregates(rounds[0]),
        "rounds": len(rounds),
        "threads": threads,
        "n_cpus": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def _best(rounds: list[Round], measure: str) -> dict[str, float]:
    return {
        name: min(figures[part]["stages"][stage][measure] for figures in rounds)
        for name, (part, stage) in _STAGES.items()
        if part in rounds[0]
    }


def _with_totals(stages: dict[str, float]) -> dict[str, float]:
    totals = {
        name: sum(stages[part] for part in parts) for name, parts in _TOTALS.items() if all(p in stages for p in parts)
    }
    return stages | totals


def _peaks(rounds: list[Round]) -> dict[str, float]:
    return {name: round(max(figures[name]["peak_rss_mb"] for figures in rounds)) for name in rounds[0]}


def _ratios(seconds: dict[str, float], suffix: str) -> dict[str, float]:
    return {
        f"{name}{suffix}": round(seconds[over] / seconds[under], 2)
        for name, (over, under) in _RATIOS.items()
        if over in seconds and seconds.get(under)
    }


def _count(figures: Round, part: str, name: str) -> int | None:
    return int(figures[part]["counts"][name]) if part in figures else None


def _is_same_aggregates(figures: Round) -> bool | None:
    """Tell whether floor and peer came to the same sums; they are of no use as a yardstick if they do not."""
    if not {"floor", "peer"} <= set(figures):
        return None
    floor, peer = figures["floor"]["counts"], figures["peer"]["counts"]
    return all(peer[name] == value for name, value in floor.items())


_LINES = (
    ("floor: CSV → Parquet", "floor_copy", "floor", ""),
    ("floor: three aggregates", "floor_aggregate", "floor", ""),
    ("ingest: read, judge, account for, write", "ingest", "ingest", "ingest_to_floor"),
    ("ingest of a copy with 1 % damaged lines", "ingest_damaged", "ingest_damaged", "damaged_to_floor"),
    ("build: SQL models, intervals, curves", "build", "build", ""),
    ("release: gate, disclosure, publish", "release", "release", ""),
    ("peer: read, judge, write", "peer_validate", "peer", ""),
    ("peer: three aggregates", "peer_aggregate", "peer", ""),
    ("peer: Great Expectations", "peer_gate", "peer", ""),
    ("plain peer: read, judge, write", "peer_plain_validate", "peer_plain", ""),
    ("floor, all of it", "floor", "floor", ""),
    ("this pipeline, all of it", "pipeline", None, "pipeline_to_floor"),
    ("peer, all of it", "peer", "peer", ""),
    ("plain peer, all of it", "peer_plain", "peer_plain", ""),
)
_SECTION_ENDS = ("floor_aggregate", "release", "peer_plain_validate")


def print_report(result: dict[str, Any], output: Path) -> None:
    """Print the table, what is compared with what, and the targets."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    console.print(_table(result))
    console.print(
        f"{result['n_assessments']:,} assessments, {result['n_records']:,} records in {result['n_files']} CSV files, "
        f"{result['n_bytes'] / 1e6:,.0f} MB; {result['threads']} threads; load {result['load_average']} "
        f"on {result['n_cpus']} CPUs; best of {result['rounds']}."
    )
    console.print(
        "Times are without start-up and imports, for all alike. Floor: nothing is checked, nothing is accounted for, "
        "no interval. Peer: the same rules, identifiers and repeated keys, text in Arrow memory; no damaged lines, "
        "receipts or foreign keys. Plain peer: the same, with text as pandas 2 holds it by itself."
    )
    for line in _targets(result):
        console.print(line)
    if result["is_same_aggregates"] is False:
        console.print("[red]Floor and peer do not agree on the aggregates: do not trust this run.[/]")
    console.print(f"Figures: {output}", soft_wrap=True)
    if result["n_cpus"] and result["load_average"] > result["n_cpus"]:
        sys.stderr.write("The machine is busy with other work: compare CPU seconds, or run again when it is quiet.\n")


def _table(result: dict[str, Any]) -> Table:
    table = Table(title=f"Benchmark, {result['n_records']:,} records")
    table.add_column("part")
    for name in ("seconds", "CPU s", "records/s", "peak MiB", "x floor"):
        table.add_column(name, justify="right")
    for label, name, worker, ratio in _LINES:
        if f"{name}_seconds" not in result:
            continue
        peak = result[f"{worker}_peak_rss_mb"] if worker else result["peak_rss_mb"]
        table.add_row(
            label,
            f"{result[f'{name}_seconds']:.2f}",
            f"{result[f'{name}_cpu_seconds']:.2f}",
            f"{result[f'{name}_records_per_second']:,}",
            f"{peak:,}",
            f"{result[ratio]:.2f}" if ratio in result else "",
            end_section=name in _SECTION_ENDS,
        )
    return table


def _targets(result: dict[str, Any]) -> Iterator[str]:
    for name, words, is_met in (
        ("ingest_to_floor", "ingest takes {} x the floor's copy{} (target: at most 2)", _MAX_INGEST_TO_FLOOR.__ge__),
        (
            "damaged_to_floor",
            "with 1 % damaged lines it takes {} x the floor's copy{} (target: at most 3)",
            _MAX_DAMAGED_TO_FLOOR.__ge__,
        ),
        ("peer_to_ingest", "the peer takes {} x ingest to validate{} (target: at least 3)", _MIN_PEER_TO_INGEST.__le__),
        ("peer_plain_to_ingest", "the plain peer takes {} x ingest{} (target: at least 3)", _MIN_PEER_TO_INGEST.__le__),
    ):
        if name in result:
            ratio, cpu = result[name], result[f"{name}_cpu"]
            yield _target(is_met(ratio), words.format(ratio, f", {cpu} x in CPU time"))
    if (peak := result["peak_rss_mb"]) is not None:
        yield _target(
            peak <= _MAX_PEAK_RSS_MB, f"peak memory {peak:,} MiB (target: at most 1,536 at 10 million records)"
        )


def _target(is_met: bool, words: str) -> str:
    return f"[green]✓[/] {words}" if is_met else f"[yellow]✗[/] {words}"
