"""Every figure of a clinic's quarantine page, from its receipts, its quarantine and the current release.

What belongs here: which figures there are and how they are found. What does not: layout (`page.html.jinja`) and wording
(`words.py`).
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.errors import ConfigurationError
from registry_pipeline.lake.current import live_deliveries
from registry_pipeline.lake.receipts import Counts, Mode, Receipt, Refusal, read_receipts
from registry_pipeline.quarantine import standing_deliveries
from registry_pipeline.quarantine_page.words import Right, line_ranges, remedy, right_value
from registry_pipeline.release.publish import current_release
from registry_pipeline.release.reading import open_current
from registry_pipeline.scorecard.findings import fill, gather_findings
from registry_pipeline.scorecard.measure import UNASSIGNED, measure
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.duck import open_database

if TYPE_CHECKING:
    import duckdb

FILES_SHOWN = 12
MONTHS_SHOWN = 12


@dataclass(frozen=True)
class Place:
    """Lines of one file."""

    file_name: str
    lines: str
    n_more: int
    """Lines that did not fit."""


@dataclass(frozen=True)
class RuleFindings:
    """What one rule found in one table."""

    rule_id: str
    table_name: str | None
    columns: tuple[str, ...]
    severity: str
    sentence: str
    remedy: str
    right: Right
    n_records: int
    n_files: int
    places: tuple[Place, ...]
    """In the files with the most findings; others are in the CSV."""


@dataclass(frozen=True)
class RefusedFile:
    """A file of which nothing was taken."""

    file_name: str
    received_on: str
    refusal: Refusal


@dataclass(frozen=True)
class Month:
    """What became of the records that arrived in one month."""

    month: str
    n_records: int
    n_refused: int
    n_failed: int
    """Lines of the scorecard above their threshold."""


@dataclass(frozen=True)
class Score:
    """A table and a dimension over the months, the latest last."""

    table_name: str
    dimension: str
    months: tuple[dict[str, Any], ...]
    """Lines of the scorecard."""

    @property
    def latest(self) -> dict[str, Any]:
        """Return the line of the latest month in which records of the table came."""
        return self.months[-1]


@dataclass(frozen=True)
class ClinicFigures:
    """Everything that the page of a clinic says."""

    clinic_id: str
    made_at: str
    contract_version: str
    release_id: str | None
    n_files: int
    """Files that count now."""
    n_unjudged_files: int
    """Those of them that came after the current release, so that no rule across tables has seen them."""
    counts: Counts
    """Of the files that count now, refusals across tables included."""
    n_erased: int
    refused_files: tuple[RefusedFile, ...]
    refused: tuple[RuleFindings, ...]
    duplicates: tuple[RuleFindings, ...]
    warnings: tuple[RuleFindings, ...]
    months: tuple[Month, ...]
    scores: tuple[Score, ...]
    sources: dict[Mode, list[str]]
    """Patterns of the files that the clinic sends, by whether a new file replaces the old one."""
    rows: tuple[tuple[Any, ...], ...]
    """(file, line, table, column, rule, severity, sentence) of every finding that stands."""

    @property
    def n_warned(self) -> int:
        """Return how many warnings there are; a record may have several."""
        return sum(rule.n_records for rule in self.warnings)


def clinic_figures(settings: Settings, clinic_id: str) -> ClinicFigures:
    """Return what the page of a clinic says.

    Raises:
        ConfigurationError: If nothing of this clinic was ever read.
        ContractError: If the contracts cannot be read.
    """
    receipts = list(read_receipts(settings.layout, clinic_id))
    if not receipts:
        raise ConfigurationError(
            f"No file of clinic {clinic_id} has been read yet.",
            remedy="Check the id with `registry status`, or read its files with `registry run`.",
        )
    contracts = load_contracts(settings)
    live = [receipt for receipt in live_deliveries(settings.layout) if receipt.clinic_id == clinic_id]
    standing = standing_deliveries(receipts, live)
    release = current_release(settings.layout)
    with _measured(settings, receipts, standing, contracts) as connection:
        found = _rule_findings(connection, contracts)
        return ClinicFigures(
            clinic_id=clinic_id,
            made_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            contract_version=contracts.version,
            release_id=release.release_id if release else None,
            n_files=len(live),
            n_unjudged_files=sum(release is None or receipt.judged_at > str(release.published_at) for receipt in live),
            counts=_counts(connection, live),
            n_erased=sum(sum(receipt.erased.values()) for receipt in live),
            refused_files=tuple(
                RefusedFile(receipt.file_name, receipt.judged_at[: len("2026-01-31")], receipt.refusal)
                for receipt in receipts
                if receipt.refusal is not None and receipt.key in standing
            ),
            refused=tuple(rule for rule in found if rule.severity == "reject"),
            duplicates=tuple(rule for rule in found if rule.severity == "duplicate"),
            warnings=tuple(rule for rule in found if rule.severity == "warn"),
            months=_months(connection),
            scores=_scores(connection),
            sources=_sources(receipts),
            rows=_rows(connection),
        )


@contextmanager
def _measured(
    settings: Settings, receipts: Sequence[Receipt], standing: set[tuple[str, str]], contracts: Contracts
) -> "Iterator[duckdb.DuckDBPyConnection]":
    """Yield a database in memory with the findings and the scorecard of these deliveries."""
    connection = open_database(Path(":memory:"), read_only=False, settings=settings)
    try:
        gather_findings(connection, settings.layout, receipts, contracts, _published_findings(connection, settings))
        measure(connection, receipts, contracts)
        files = {"delivery_id": "varchar", "file_name": "varchar"}
        fill(
            connection,
            "standing",
            files,
            [(receipt.delivery_id, receipt.file_name) for receipt in receipts if receipt.key in standing],
        )
        yield connection
    finally:
        connection.close()


def _published_findings(connection: "duckdb.DuckDBPyConnection", settings: Settings) -> str | None:
    """Bring over what the rules across tables found, and return its name; None when there is no release."""
    if (release := open_current(settings, "restricted.duckdb")) is None:
        return None
    with closing(release):
        connection.register("published_findings", release.execute("from quality.cross_table_findings").to_arrow_table())
    return "published_findings"


def _counts(connection: "duckdb.DuckDBPyConnection", live: Sequence[Receipt]) -> Counts:
    total = sum((receipt.counts for receipt in live), Counts())
    n_late = connection.execute(
        "select count(*) from record_finding semi join standing using (delivery_id) where record.is_late"
    ).fetchall()[0][0]
    return total + Counts(n_accepted=-n_late, n_quarantined=n_late)


def _rule_findings(connection: "duckdb.DuckDBPyConnection", contracts: Contracts) -> list[RuleFindings]:
    """Return the rules that found something in files that stand, the most frequent first."""
    rows = connection.execute(
        f"""
        with by_file as (
          select f.rule_id, f.table_name, f.severity, s.file_name, min(f.reason) as reason,
            count(distinct f.record) as n_records, list_sort(list(distinct f.line)) as lines,
            list(distinct f.column_name) as columns
          from record_finding as f
          inner join standing as s on f.delivery_id = s.delivery_id
          group by f.rule_id, f.table_name, f.severity, f.delivery_id, s.file_name
        )
        select b.rule_id, nullif(b.table_name, '{UNASSIGNED}'), list_sort(list_distinct(flatten(list(b.columns)))),
          b.severity, min(b.reason), sum(b.n_records), count(*),
          list((b.file_name, b.lines) order by b.n_records desc, b.file_name)[:{FILES_SHOWN}]
        from by_file as b
        group by b.rule_id, b.table_name, b.severity
        order by sum(b.n_records) desc, b.rule_id, b.table_name
        """
    ).fetchall()
    return [
        RuleFindings(
            rule_id=rule_id,
            table_name=table,
            columns=tuple(columns),
            severity=severity,
            sentence=sentence,
            remedy=remedy(rule_id, contracts),
            right=right_value(rule_id, contracts),
            n_records=n_records,
            n_files=n_files,
            places=tuple(Place(file_name, *line_ranges(lines)) for file_name, lines in places),
        )
        for rule_id, table, columns, severity, sentence, n_records, n_files, places in rows
    ]


def _months(connection: "duckdb.DuckDBPyConnection") -> tuple[Month, ...]:
    rows = connection.execute(
        f"""
        with refused as (
          select d.arrival_month, count(distinct (f.delivery_id, f.table_name, f.record)) as n_refused
          from record_finding as f
          inner join delivery as d on f.delivery_id = d.delivery_id
          where f.severity = 'reject'
          group by d.arrival_month
        ), read as (
          select t.arrival_month, sum(t.n_records) as n_records from table_read as t group by t.arrival_month
        ), failed as (
          select c.arrival_month, count(*) as n_failed from scorecard as c
          where c.status = 'fail' and c.table_name is not null
          group by c.arrival_month
        )
        select r.arrival_month, r.n_records, coalesce(u.n_refused, 0), coalesce(f.n_failed, 0)
        from read as r
        left join refused as u on r.arrival_month = u.arrival_month
        left join failed as f on r.arrival_month = f.arrival_month
        where r.n_records > 0
        order by r.arrival_month desc
        limit {MONTHS_SHOWN}
        """
    ).fetchall()
    return tuple(Month(month, int(n_records), n_refused, n_failed) for month, n_records, n_refused, n_failed in rows)


def _scores(connection: "duckdb.DuckDBPyConnection") -> tuple[Score, ...]:
    result = connection.execute("from scorecard where denominator > 0 order by table_name, dimension, arrival_month")
    names = [column[0] for column in result.description or []]
    lines: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in result.fetchall():
        line = dict(zip(names, row, strict=True))
        lines.setdefault((line["table_name"], line["dimension"]), []).append(line)
    return tuple(Score(table, dimension, tuple(found[-MONTHS_SHOWN:])) for (table, dimension), found in lines.items())


def _sources(receipts: Sequence[Receipt]) -> dict[Mode, list[str]]:
    sources: dict[Mode, list[str]] = {}
    # What holds of a source is what its latest file was taken as.
    for pattern, mode in sorted({receipt.source: receipt.mode for receipt in receipts}.items()):
        sources.setdefault(mode, []).append(pattern)
    return sources


def _rows(connection: "duckdb.DuckDBPyConnection") -> tuple[tuple[Any, ...], ...]:
    return tuple(
        connection.execute(
            """
            select s.file_name, f.line, f.table_name, f.column_name, f.rule_id, f.severity, f.reason
            from finding as f
            inner join standing as s on f.delivery_id = s.delivery_id
            order by s.file_name, f.line, f.table_name, f.rule_id, f.column_name
            """
        ).fetchall()
    )
