"""Commands on judgements: `replay` judges deliveries anew, `history` shows what became of a line each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from registry_pipeline.cli.common import ClinicOption, FeedsOption, HomeOption, guarded, require_home, settings_for

if TYPE_CHECKING:
    from registry_pipeline.replay import Replayed, ReplaySummary

_RULES_SHOWN = 5


@guarded
def replay(
    home: HomeOption = None,
    clinic: ClinicOption = None,
    rule: Annotated[str | None, typer.Option("--rule", help="Only deliveries this rule refused something of.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    feeds: FeedsOption = None,
) -> None:
    """Judge refused records again, from the files in landing, after a feed or a contract was mended."""
    from registry_pipeline.console import ConsoleProgress  # noqa: PLC0415 - keeps --help fast
    from registry_pipeline.replay import replay as judge_again  # noqa: PLC0415 - likewise

    settings = require_home(settings_for(home, feeds))
    with ConsoleProgress() as progress:
        summary = judge_again(settings, clinic_id=clinic, rule_id=rule, dry_run=dry_run, progress=progress)
    _print_summary(summary, dry_run=dry_run)
    if summary.replayed:
        again = "the same command without --dry-run" if dry_run else f"registry run --home {settings.home}"
        typer.echo(f"Next: {again}")
    if codes := [problem.exit_code for problem in summary.problems if problem.exit_code]:
        raise typer.Exit(max(codes))


@guarded
def history(
    clinic: Annotated[str, typer.Option("--clinic", help="The clinic, such as C003.")],
    file: Annotated[str, typer.Option("--file", help="The file, as it is called below the clinic's landing folder.")],
    line: Annotated[int | None, typer.Option("--line", min=1, help="Only this line.")] = None,
    home: HomeOption = None,
) -> None:
    """Show what became of a file's refused lines at each attempt: under which rule, feed and contract."""
    from registry_pipeline.console import stdout, table  # noqa: PLC0415 - keeps --help fast
    from registry_pipeline.release.history import file_history  # noqa: PLC0415 - likewise

    columns, rows = file_history(require_home(settings_for(home)), clinic, file, line)
    if rows:
        stdout().print(table(f"{clinic}/{file}", columns, rows))
    else:
        typer.echo("No line of it was ever refused." if line is None else "That line was never refused.")


def _print_summary(summary: ReplaySummary, *, dry_run: bool) -> None:
    from registry_pipeline.console import print_error, stdout, table  # noqa: PLC0415 - rich, only for tables

    if summary.replayed:
        title = "Would be judged anew (dry run: nothing is changed)" if dry_run else "Judged anew"
        columns = ["file", "#attempt", "#newly accepted", "#still refused", "#NEWLY REFUSED", "what refuses it now"]
        stdout().print(table(title, columns, [_row(item) for item in summary.replayed]))
    for item in summary.replayed:
        if item.changes.n_newly_refused:
            _shout(item, dry_run=dry_run)
    for skipped in summary.skipped:
        receipt = skipped.receipt
        stdout().print(f"Left as it is: {receipt.clinic_id}/{receipt.file_name}: {skipped.why}.", markup=False)
    for problem in summary.problems:
        print_error(problem)
    if not (summary.replayed or summary.skipped or summary.problems):
        stdout().print("Nothing to replay: no such delivery has refused records.")


def _row(item: Replayed) -> tuple[object, ...]:
    changes = item.changes
    return (
        f"{item.after.clinic_id}/{item.after.file_name}",
        item.after.attempt,
        changes.n_newly_accepted,
        changes.n_still_refused,
        changes.n_newly_refused,
        _rules(item),
    )


def _rules(item: Replayed) -> str:
    if item.after.refusal is not None:
        return f"{item.after.refusal.rule_id} (the whole file)"
    frequent = sorted(item.after.rules.items(), key=lambda rule: (-rule[1], rule[0]))
    more = f" and {len(frequent) - _RULES_SHOWN} more" if len(frequent) > _RULES_SHOWN else ""
    return ", ".join(f"{rule_id} {n:,}" for rule_id, n in frequent[:_RULES_SHOWN]) + more or "nothing"


def _shout(item: Replayed, *, dry_run: bool) -> None:
    from registry_pipeline.console import stdout  # noqa: PLC0415 - rich, only where something is printed

    would = "would be" if dry_run else "are"
    stdout().print(
        f"LOOK: {item.changes.n_newly_refused:,} lines of {item.after.clinic_id}/{item.after.file_name} that were "
        f"accepted {would} refused now. Is the change to the feed or contract meant to do that?",
        style="bold red",
        markup=False,
    )
