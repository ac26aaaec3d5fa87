"""`registry feed …`: drafting a feed, and trying it on a file before the clinic's first delivery."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry_pipeline.cli.common import JsonOption, guarded, settings_for
from registry_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_pipeline.cli.dry_run import ColumnUse, DryRun
    from registry_pipeline.quarantine import Finding

_LINES_SHOWN = 8
_REFUSED = 2
_OPEN = ("unmapped", "identifier")

FeedArgument = Annotated[Path, typer.Argument(help="The feed YAML.", exists=True, dir_okay=False)]
FileArgument = Annotated[Path, typer.Argument(help="One file as the clinic sends it.", exists=True, dir_okay=False)]
FilesArgument = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="Files as the clinic sends them.", exists=True, dir_okay=False)
]
ClinicIdOption = Annotated[str | None, typer.Option("--clinic", help="The clinic's id, such as C009.")]
TypeOption = Annotated[str | None, typer.Option("--type", help="The clinic's type, such as pain.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="Write the feed here instead of printing it.")]

feed_app = typer.Typer(name="feed", help="Map a clinic's files to the contracts.", no_args_is_help=True)


@feed_app.command()
@guarded
def check(feed: FeedArgument, file: FileArgument, as_json: JsonOption = False) -> None:
    """Dry-run one file: what its columns become, what would be accepted and quarantined, and why. Nothing is kept."""
    from registry_pipeline.cli.dry_run import dry_run  # noqa: PLC0415 - polars; keeps --help fast

    result = dry_run(settings_for(), feed, file)
    if as_json:
        json.dump(_as_data(result), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _print(result)
    if result.receipt.refusal is not None:
        raise typer.Exit(_REFUSED)


@feed_app.command()
@guarded
def infer(files: FilesArgument, clinic: ClinicIdOption = None, kind: TypeOption = None, out: OutOption = None) -> None:
    """Draft a feed from a clinic's files. What is unsure is marked, and what is unknown is left for you to decide."""
    from registry_pipeline.feeds.infer.run import draft_feed  # noqa: PLC0415 - polars; keeps --help fast

    if out is not None and out.exists():
        raise ConfigurationError("This file exists already.", remedy="Choose another --out, or remove it.", file=out)
    text = draft_feed(settings_for(), files, clinic, kind)
    if out is None:
        sys.stdout.write(text)
        return
    from registry_pipeline.lake.atomic import write_text  # noqa: PLC0415 - as above

    write_text(out, text)
    n_open = text.count("# check:")
    typer.echo(f"Drafted {out}. {n_open} places are marked `# check:`: go through them, then try each file:")
    for file in files:
        typer.echo(f"  registry feed check {out} {file}")


def _as_data(result: DryRun) -> dict[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415 - only for programs

    receipt = result.receipt
    return {
        "clinic_id": result.feed.clinic_id,
        "feed_version": result.feed.version,
        "file": result.file_name,
        "format": result.format,
        "would_be": receipt.status,
        "refusal": asdict(receipt.refusal) if receipt.refusal else None,
        "columns": [asdict(column) for column in result.columns],
        "tables": {name: asdict(counts) for name, counts in receipt.tables.items()},
        "rules": [
            {"rule_id": rule_id, "severity": severity, "n_findings": len(lines), "lines": lines, "reason": reason}
            for rule_id, severity, lines, reason in _by_rule(result.findings)
        ],
        "warnings": receipt.warnings,
    }


def _by_rule(findings: Sequence[Finding]) -> list[tuple[str, str, list[int | None], str]]:
    """Return (rule, severity, lines, reason) of each rule, the most frequent first."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault(finding.rule_id, []).append(finding)
    ordered = sorted(by_rule.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        (rule_id, found[0].severity, sorted((item.line for item in found), key=lambda line: line or 0), found[0].reason)
        for rule_id, found in ordered
    ]


def _print(result: DryRun) -> None:
    from registry_pipeline.console import stdout, table  # noqa: PLC0415 - rich, only for tables

    console = stdout()
    feed, refusal = result.feed, result.receipt.refusal
    console.print(
        f"{result.file_name} ({result.format}) under the feed of {feed.clinic_id}, {feed.version}", markup=False
    )
    _print_columns(result.columns)
    if refusal is not None:
        console.print("\nThe whole file would be refused.", style="bold red")
        console.print(f"  why: {refusal.reason} ({refusal.rule_id})\n  what to do: {refusal.remedy}", markup=False)
        return
    rows = [
        (name, counts.n_records, counts.n_accepted, counts.n_quarantined, counts.n_duplicate)
        for name, counts in result.receipt.tables.items()
    ]
    console.print(table("Records", ["table", "#read", "#accepted", "#quarantined", "#duplicate"], rows))
    if result.findings:
        console.print("\nWhy records would not be taken", style="bold")
        for rule_id, _, lines, reason in _by_rule(result.findings):
            console.print(f"  {rule_id}: {_some(lines)}\n    {reason}", markup=False)
    if result.receipt.warnings:
        warnings = sorted(result.receipt.warnings.items())
        console.print(table("Warnings on accepted records", ["rule", "#records"], warnings))
    console.print("\nWhat to do next", style="bold")
    for line in _next_steps(result):
        console.print(f"  {line}", markup=False)


def _print_columns(columns: Sequence[ColumnUse]) -> None:
    from registry_pipeline.console import stdout, table  # noqa: PLC0415 - rich, only for tables

    if not columns:
        return
    has_sheets = any(column.sheet for column in columns)
    rows = [
        (*([column.sheet or ""] if has_sheets else []), column.name, _becomes(column))
        for column in sorted(columns, key=lambda column: column.use not in _OPEN)
    ]
    n_mapped = sum(column.use == "mapped" for column in columns)
    title = f"Columns: {n_mapped} of {len(columns)} mapped"
    stdout().print(table(title, [*(["sheet"] if has_sheets else []), "column of the file", "becomes"], rows))


def _becomes(column: ColumnUse) -> str:
    if column.use == "identifier":
        return f"MUST NOT BE SENT: {', '.join(column.becomes)}"
    if column.use == "unmapped":
        return f"NOT MAPPED; nearest: {', '.join(column.nearest)}" if column.nearest else "NOT MAPPED"
    return "; ".join(column.becomes) if column.becomes else "(ignored by the feed)"


def _some(lines: Sequence[int | None]) -> str:
    numbers = sorted({line for line in lines if line is not None})
    shown = ", ".join(map(str, numbers[:_LINES_SHOWN]))
    more = f" and {len(numbers) - _LINES_SHOWN:,} more" if len(numbers) > _LINES_SHOWN else ""
    return f"line{'s' if len(numbers) > 1 else ''} {shown}{more}"


def _next_steps(result: DryRun) -> list[str]:
    clinic_id, counts = result.feed.clinic_id, result.receipt.counts
    steps = []
    if counts.n_quarantined:
        steps.append("Mend what the reasons above say, in the clinic's export or in the feed, and check again.")
        if counts.n_accepted:
            steps.append(f"The other {counts.n_accepted:,} records would be accepted as they are.")
    steps.append(f"When you are content: put the feed into feeds/{clinic_id}.yaml of your registry home,")
    steps.append(f"the file into landing/{clinic_id}/{result.file_name}, and run `registry run`.")
    steps.append("Rules between tables, such as whether a session's course exists, are judged then.")
    return steps
