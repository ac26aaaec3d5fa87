"""`registry feed …`: trying a feed on a file before the clinic's first delivery."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry_pipeline.cli.common import guarded, settings_for

if TYPE_CHECKING:
    from registry_pipeline.cli.dry_run import DryRun

FeedArgument = Annotated[Path, typer.Argument(help="The feed YAML.", exists=True, dir_okay=False)]
FileArgument = Annotated[Path, typer.Argument(help="One file as the clinic sends it.", exists=True, dir_okay=False)]

feed_app = typer.Typer(name="feed", help="Map a clinic's files to the contracts.", no_args_is_help=True)


@feed_app.callback()
def _group() -> None:
    """Keep `check` a subcommand although it is the only one."""


@feed_app.command()
@guarded
def check(feed: FeedArgument, file: FileArgument) -> None:
    """Dry-run one file: which columns are mapped, and what would be accepted and quarantined. Nothing is kept."""
    from registry_pipeline.cli.dry_run import dry_run  # noqa: PLC0415 - polars; keeps --help fast

    _print(dry_run(settings_for(), feed, file))


def _print(result: DryRun) -> None:
    from registry_pipeline.cli.look import print_files, print_rules  # noqa: PLC0415 - rich, only for tables
    from registry_pipeline.console import stdout, table  # noqa: PLC0415 - likewise
    from registry_pipeline.quarantine import count_by_rule  # noqa: PLC0415 - likewise

    console = stdout()
    console.print(table("Columns", ["sheet", "column of the file", "becomes"], result.columns))
    if result.receipt.refusal is not None:
        refusal = result.receipt.refusal
        console.print(
            f"The whole file would be refused ({refusal.rule_id}): {refusal.reason} {refusal.remedy}", markup=False
        )
        return
    rows = [
        (name, counts.n_records, counts.n_accepted, counts.n_quarantined, counts.n_duplicate)
        for name, counts in result.receipt.tables.items()
    ]
    console.print(table("Records", ["table", "#read", "#accepted", "#quarantined", "#duplicate"], rows))
    print_rules(count_by_rule(result.findings))
    print_files(result.findings)
    warnings = sorted(result.receipt.warnings.items())
    if warnings:
        console.print(table("Warnings on accepted records", ["rule", "#records"], warnings))
