"""Commands that only look: `status`, `quarantine`, `quality`, `query`."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import asdict
from decimal import Decimal
from enum import StrEnum
from itertools import groupby
from pathlib import Path  # noqa: TC003 - typer reads the type of --report when the program runs
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry_pipeline.cli.common import ClinicOption, HomeOption, JsonOption, guarded, require_home, settings_for
from registry_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_pipeline.quarantine import Finding, RuleCount
    from registry_pipeline.settings import Settings
    from registry_pipeline.status import RegistryStatus

_LINES_SHOWN = 12
_UNBOUNDED = 10_000


class Format(StrEnum):
    """How `registry query` prints."""

    table = "table"
    csv = "csv"
    json = "json"


@guarded
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show each clinic's last delivery, lateness and counts, and the current release."""
    from registry_pipeline.status import registry_status  # noqa: PLC0415 - keeps --help fast

    found = registry_status(require_home(settings_for(home)))
    if as_json:
        _print_json({**asdict(found), "problems": [str(problem) for problem in found.problems]})
    else:
        _print_status(found)


@guarded
def quarantine(
    home: HomeOption = None,
    clinic: ClinicOption = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Write a page for the clinic here, such as C003.html, and C003.csv beside it."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what was refused: by rule, then by file with its lines."""
    from registry_pipeline.quarantine import count_by_rule, read_quarantine  # noqa: PLC0415 - keeps --help fast

    settings = require_home(settings_for(home))
    if report is not None:
        _write_report(settings, clinic, report)
        return
    findings = read_quarantine(settings, clinic_id=clinic)
    rules = count_by_rule(findings)
    if as_json:
        _print_json({"by_rule": [asdict(rule) for rule in rules], "findings": [asdict(item) for item in findings]})
    else:
        print_rules(rules)
        print_files(findings)


@guarded
def quality(home: HomeOption = None, clinic: ClinicOption = None, as_json: JsonOption = False) -> None:
    """Show where a clinic's latest month is above its threshold or unlike its past."""
    from registry_pipeline.console import stdout, table  # noqa: PLC0415 - rich, only for tables
    from registry_pipeline.scorecard.read import lines_to_look_at  # noqa: PLC0415 - keeps --help fast

    lines = lines_to_look_at(require_home(settings_for(home)), clinic)
    if as_json:
        _print_json(lines)
    elif not lines:
        stdout().print("Every clinic is within its thresholds and its own past.")
    else:
        columns = ["clinic", "table", "dimension", "month", "#refused", "#read", "#share", "#threshold", "past"]
        stdout().print(table("Scorecard: what to look at", columns, (_quality_cells(line) for line in lines)))


def _quality_cells(line: dict[str, Any]) -> tuple[object, ...]:
    from registry_pipeline.quarantine_page.words import share  # noqa: PLC0415 - keeps --help fast

    head = (line["clinic_id"], line["table_name"] or "(whole files)", line["dimension"], line["arrival_month"])
    if line["n_refused_files"]:
        return (*head, f"{line['n_refused_files']:,} files", None, None, None, None)
    past = None
    if line["drift_low"] is not None:
        word = "unlike" if line["is_drifting"] else "like"
        past = f"{word} {line['drift_low'] * 100:.1f} to {line['drift_high'] * 100:.1f} %"
    threshold = None if line["threshold"] is None else f"{line['threshold'] * 100:g} %"
    n_refused, n_read = line["numerator"], line["denominator"]
    return (*head, n_refused, n_read, share(n_refused, n_read), threshold, past)


def _write_report(settings: Settings, clinic: str | None, report: Path) -> None:
    from registry_pipeline.console import stdout  # noqa: PLC0415 - rich, only for output
    from registry_pipeline.quarantine_page.render import write_page  # noqa: PLC0415 - keeps --help fast

    if clinic is None or report.suffix.lower() != ".html":
        raise ConfigurationError(
            "A report is about one clinic, and its file ends in .html.",
            remedy="Write, say, `registry quarantine --clinic C003 --report C003.html`.",
        )
    page, table = write_page(settings, clinic, report)
    stdout().print(f"Wrote {page} and {table}. They hold no cell of any record.", markup=False, soft_wrap=True)


@guarded
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT over marts.* and meta.*")],
    home: HomeOption = None,
    output: Annotated[Format, typer.Option("--format", help="How to print the rows.")] = Format.table,
) -> None:
    """Run SQL on the current release. The release cannot be changed by it."""
    columns, rows = query_release(require_home(settings_for(home)), sql)
    if output is Format.json:
        _print_json([dict(zip(columns, row, strict=True)) for row in rows])
    elif output is Format.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    else:
        from registry_pipeline.console import stdout, table  # noqa: PLC0415 - rich, only for tables

        # Cut cells would be wrong answers to a program that reads them.
        stdout(piped_width=_UNBOUNDED).print(table(None, columns, rows))


def query_release(settings: Settings, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the columns and rows of a query on the current public release.

    Raises:
        ConfigurationError: If there is no release, or DuckDB refuses the SQL.
    """
    import duckdb  # noqa: PLC0415 - half a second, only where a database is read

    from registry_pipeline.release.reading import open_current  # noqa: PLC0415 - keeps --help fast

    connection = open_current(settings, "registry.duckdb")
    if connection is None:
        raise ConfigurationError(
            "There is no release yet.", remedy="Publish one with `registry run`.", file=settings.layout.current
        )
    try:
        # Without this a query could still read or write other files of the machine.
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        result = connection.execute(sql)
        return [column[0] for column in result.description or []], result.fetchall()
    except duckdb.Error as error:
        raise ConfigurationError(
            f"The query was refused: {error}", remedy="Mend the SQL; `from meta.dictionary` lists the columns."
        ) from None
    finally:
        connection.close()


def print_rules(rules: Sequence[RuleCount]) -> None:
    """Print what was refused, by rule."""
    from registry_pipeline.console import stdout, table  # noqa: PLC0415 - rich, only for tables

    if not rules:
        stdout().print("The quarantine is empty.")
        return
    stdout().print(
        table(
            "Quarantine by rule",
            ["rule", "#findings", "#files", "what it means"],
            [(rule.rule_id, rule.n_findings, rule.n_files, rule.reason) for rule in rules],
        )
    )


def print_files(findings: Sequence[Finding]) -> None:
    """Print what was refused, by file, with the lines."""
    from registry_pipeline.console import stdout  # noqa: PLC0415 - rich, only for tables

    console = stdout()
    standing = [finding for finding in findings if not finding.is_replaced]
    by_file = sorted(standing, key=lambda item: (item.clinic_id, item.file_name, item.rule_id, item.line or 0))
    for (clinic_id, file_name), of_file in groupby(by_file, key=lambda item: (item.clinic_id, item.file_name)):
        console.print(f"\n{clinic_id}/{file_name}", style="bold", markup=False)
        for rule_id, of_rule in groupby(of_file, key=lambda item: item.rule_id):
            console.print(f"  {rule_id}: {_lines(list(of_rule))}", markup=False)
    if len(standing) < len(findings):
        n_replaced = len(findings) - len(standing)
        console.print(f"\n{n_replaced:,} more findings are in files that a later delivery has replaced (see --json).")


def _lines(findings: Sequence[Finding]) -> str:
    lines = sorted({finding.line for finding in findings if finding.line is not None})
    if not lines:
        return "the whole file"
    shown = ", ".join(str(line) for line in lines[:_LINES_SHOWN])
    more = f" and {len(lines) - _LINES_SHOWN:,} more" if len(lines) > _LINES_SHOWN else ""
    return f"line{'s' if len(lines) > 1 else ''} {shown}{more}"


def _print_status(found: RegistryStatus) -> None:
    from registry_pipeline.console import print_error, stdout, table  # noqa: PLC0415 - rich, only for tables

    release = f"{found.release_id}, published {found.published_at}" if found.release_id else "none yet"
    stdout().print(f"Home: {found.home}\nCurrent release: {release}", markup=False)
    columns = ["clinic", "last file", "received", "#days ago", "late?", "#deliveries", "#refused"]
    rows = [
        (
            clinic.clinic_id,
            clinic.last_file or "never delivered",
            (clinic.last_received_at or "")[:16].replace("T", " "),
            clinic.days_since_last,
            "LATE" if clinic.is_late else "no",
            clinic.n_deliveries,
            clinic.n_refused,
            clinic.counts.n_accepted,
            clinic.counts.n_quarantined,
            clinic.counts.n_duplicate,
        )
        for clinic in found.clinics
    ]
    stdout().print(table(None, [*columns, "#accepted", "#quarantined", "#duplicate"], rows))
    for problem in found.problems:
        print_error(problem)


def _print_json(data: object) -> None:
    json.dump(
        data, sys.stdout, indent=2, default=lambda value: float(value) if isinstance(value, Decimal) else str(value)
    )
    sys.stdout.write("\n")
