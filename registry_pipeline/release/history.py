"""The history of refused rows: what each attempt at judging a delivery made of them, and under which rules.

What belongs here: `quarantine.history` and its query. What does not: the raw records, which stay in the home.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry_pipeline.errors import ConfigurationError
from registry_pipeline.lake.paths import Home
from registry_pipeline.lake.receipts import Receipt, read_receipts
from registry_pipeline.release.dictionary import ColumnDoc, TableDoc
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.duck import create_filled, open_database

if TYPE_CHECKING:
    import duckdb

HISTORY = TableDoc(
    "quarantine",
    "history",
    "For each line that was ever refused, one row per attempt at judging its delivery, the accepting one included.",
    (
        ColumnDoc("clinic_id", "VARCHAR", "The clinic that sent the file."),
        ColumnDoc("delivery_id", "VARCHAR", "The delivery (SHA-256 of the file)."),
        ColumnDoc("file_name", "VARCHAR", "The file's path below the clinic's landing folder."),
        ColumnDoc("table_name", "VARCHAR", "The table of the row; empty when none could be told."),
        ColumnDoc("line", "BIGINT", "The line, sheet row or row number, from 1; empty when the whole file is meant."),
        ColumnDoc("attempt", "INTEGER", "1 on arrival, one more with each replay; the highest is the one that counts."),
        ColumnDoc("judged_at", "TIMESTAMP", "When the attempt was made (UTC)."),
        ColumnDoc("feed_version", "VARCHAR", "Version of the feed that mapped it then."),
        ColumnDoc("contract_version", "VARCHAR", "Version of the table contracts that judged it then."),
        ColumnDoc("outcome", "VARCHAR", "refused, duplicate or accepted (nothing on the line was refused)."),
        ColumnDoc("rule_id", "VARCHAR", "The rule that kept it out; one row for each of them. Empty when accepted."),
    ),
)

_ATTEMPT = {
    "clinic_id": "varchar",
    "delivery_id": "varchar",
    "file_name": "varchar",
    "attempt": "integer",
    "judged_at": "timestamp",
    "feed_version": "varchar",
    "contract_version": "varchar",
    "refusal": "varchar",
    "file": "varchar",
}

_QUERY = """
with finding as (
  {findings}
), refused_row as (
  select distinct f.clinic_id, f.delivery_id, f.table_name, f.line from finding as f
), row_attempt as (
  select a.clinic_id, a.delivery_id, a.file_name, r.table_name, r.line, a.attempt, a.judged_at, a.feed_version,
    a.contract_version, a.refusal
  from refused_row as r
  inner join attempts as a on r.clinic_id = a.clinic_id and r.delivery_id = a.delivery_id
), line_outcome as (
  select r.* exclude (refusal),
    case when r.refusal is not null then 'refused' else coalesce(f.outcome, 'accepted') end as outcome,
    coalesce(r.refusal, f.rule_id) as rule_id
  from row_attempt as r
  left join finding as f
    on r.clinic_id = f.clinic_id and r.delivery_id = f.delivery_id and r.attempt = f.attempt and r.line = f.line
    and coalesce(r.table_name, f.table_name, '') = coalesce(f.table_name, r.table_name, '')
), file_outcome as (
  select a.clinic_id, a.delivery_id, a.file_name, cast(null as varchar) as table_name, cast(null as bigint) as line,
    a.attempt, a.judged_at, a.feed_version, a.contract_version,
    case when a.refusal is null then 'accepted' else 'refused' end as outcome, a.refusal as rule_id
  from attempts as a
  where exists (
    select 1 from attempts as e
    where e.clinic_id = a.clinic_id and e.delivery_id = a.delivery_id and e.refusal is not null
  )
)
select distinct {columns} from line_outcome
union all
select {columns} from file_outcome
"""

_FINDINGS = """
select a.clinic_id, a.delivery_id, a.attempt, q.table_name, q.line, q.rule_id,
    case q.severity when 'duplicate' then 'duplicate' else 'refused' end as outcome
  from read_parquet($files, hive_partitioning = false, filename = true) as q
  inner join attempts as a on q.filename = a.file
"""
_NO_FINDINGS = """
select clinic_id, delivery_id, attempt, cast(null as varchar) as table_name, cast(null as bigint) as line,
    cast(null as varchar) as rule_id, cast(null as varchar) as outcome
  from attempts where false
"""


def insert_history(connection: "duckdb.DuckDBPyConnection", home: Home, receipts: Iterable[Receipt]) -> None:
    """Create and fill `quarantine.history` from the quarantine files of all attempts; its schema must exist."""
    connection.execute(HISTORY.ddl)
    query, parameters = _prepared(connection, home, receipts)
    connection.execute(f"insert into {HISTORY.address} {query}", parameters)
    connection.execute("drop table attempts")


def file_history(
    settings: Settings, clinic_id: str, file_name: str, line: int | None = None
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the history of one file's refused lines, as columns and rows, straight from the home.

    Args:
        settings: The home.
        clinic_id: The clinic that sent the file.
        file_name: Its path below the clinic's landing folder.
        line: Only this line, and what befell the file as a whole.

    Raises:
        ConfigurationError: If the clinic has delivered no such file.
    """
    receipts = [found for found in read_receipts(settings.layout, clinic_id) if found.file_name == file_name]
    if not receipts:
        raise ConfigurationError(
            f"The clinic {clinic_id} has delivered no file {file_name}.",
            remedy="`registry quarantine --clinic` lists files as they are called below landing/<clinic>/.",
        )
    connection = open_database(Path(":memory:"), read_only=False, settings=settings)
    try:
        query, parameters = _prepared(connection, settings.layout, receipts)
        shown = ("line", "table_name", "attempt", "judged_at", "feed_version", "contract_version", "outcome", "rule_id")
        result = connection.execute(
            f"select {', '.join(shown)} from ({query}) where $line is null or coalesce(line, $line) = $line "
            "order by line nulls first, table_name, attempt, rule_id",
            {**parameters, "line": line},
        )
        return list(shown), result.fetchall()
    finally:
        connection.close()


def _prepared(
    connection: "duckdb.DuckDBPyConnection", home: Home, receipts: Iterable[Receipt]
) -> tuple[str, dict[str, object]]:
    """Make a passing table of attempts, and return the query over it with its parameters."""
    rows = [row for receipt in receipts for row in _attempts(home, receipt)]
    create_filled(connection, "attempts", _ATTEMPT, rows)
    files = [str(row[-1]) for row in rows if row[-1] is not None]
    columns = ", ".join(column.name for column in HISTORY.columns)
    query = _QUERY.format(findings=_FINDINGS if files else _NO_FINDINGS, columns=columns)
    return query, {"files": files} if files else {}


def _attempts(home: Home, receipt: Receipt) -> Iterable[tuple[object, ...]]:
    for attempt in receipt.attempts:
        file = home.quarantine_file(receipt.clinic_id, receipt.delivery_id, attempt.attempt)
        yield (
            receipt.clinic_id,
            receipt.delivery_id,
            receipt.file_name,
            attempt.attempt,
            attempt.judged_at,
            attempt.feed_version,
            attempt.contract_version,
            attempt.refusal.rule_id if attempt.refusal else None,
            str(file) if attempt.rules and file.exists() else None,
        )
