"""Every finding about some deliveries in one place: at the door, on accepted rows, and across tables.

What belongs here: bringing the three together, without any cell value. What does not: counting (`measure.py`).
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from registry_pipeline.contracts.load import Contracts
from registry_pipeline.lake.paths import Home
from registry_pipeline.lake.receipts import Receipt

if TYPE_CHECKING:
    import duckdb

COLUMNS = {
    "clinic_id": "varchar",
    "delivery_id": "varchar",
    "table_name": "varchar",
    "line": "bigint",
    "column_name": "varchar",
    "rule_id": "varchar",
    "severity": "varchar",
    "dimension": "varchar",
    "reason": "varchar",
    "is_cross_table": "boolean",
}
"""Columns of the temporary table `finding`. `severity` is reject, duplicate or warn; `table_name` is null when no table
could be told."""

_RETIRED = "The contract of the delivery had this rule; the one in force has it no more."


def gather_findings(
    connection: "duckdb.DuckDBPyConnection",
    home: Home,
    receipts: Sequence[Receipt],
    contracts: Contracts,
    cross_table: str | None,
) -> None:
    """Make the temporary table `finding`: one row for every finding about these deliveries.

    Args:
        connection: Any open database; nothing of it is changed.
        home: Where the files of the deliveries lie.
        receipts: The deliveries.
        contracts: What gives warnings and cross-table rules their dimension and their sentence.
        cross_table: Name of the relation `cross_table_findings`, or None when no warehouse has been built.
    """
    fill(connection, "finding", COLUMNS, ())
    fill(
        connection,
        "rule",
        {"rule_id": "varchar", "column_name": "varchar", "dimension": "varchar", "reason": "varchar"},
        _rules(contracts),
    )
    _insert_refused(connection, home, receipts)
    _insert_warned(connection, home, receipts)
    if cross_table:
        _insert_cross_table(connection, cross_table, receipts)


def fill(
    connection: "duckdb.DuckDBPyConnection", name: str, columns: dict[str, str], rows: Iterable[Sequence[object]]
) -> None:
    """Make a temporary table of these columns and their types, with these rows."""
    import pyarrow as pa  # noqa: PLC0415 - only where there is something to fill

    definition = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    connection.execute(f"create or replace temporary table {name} ({definition})")
    lists = zip(*rows, strict=True)
    if cells := dict(zip(columns, map(list, lists), strict=False)):
        # One row at a time would take a second per thousand.
        connection.register("filling", pa.table(cells))
        connection.execute(f"insert into {name} select * from filling")
        connection.unregister("filling")


def _rules(contracts: Contracts) -> Iterator[tuple[str, str | None, str, str]]:
    for rule in contracts.rules.values():
        yield rule.id, rule.column, rule.dimension, rule.sentence
    for table in contracts.tables.values():
        for key in table.foreign_keys:
            # Kahn's framework counts a pointer to nowhere as relational conformance.
            yield key.rule_id, key.column, "conformance", key.sentence


def _insert_refused(connection: "duckdb.DuckDBPyConnection", home: Home, receipts: Iterable[Receipt]) -> None:
    written = (home.quarantine_file(*receipt.key, receipt.attempt) for receipt in receipts)
    if files := _existing(written):
        connection.execute(
            """
            insert into finding
            select clinic_id, delivery_id, table_name, line, column_name, rule_id, severity, dimension, reason, false
            from read_parquet($files, hive_partitioning = false)
            """,
            {"files": files},
        )


def _insert_warned(connection: "duckdb.DuckDBPyConnection", home: Home, receipts: Sequence[Receipt]) -> None:
    """Accepted rows carry the ids of the rules that warn about them, joined by commas."""
    tables = sorted({table for receipt in receipts if receipt.warnings for table in receipt.tables})
    for table in tables:
        written = (
            home.lake_file(table, receipt.clinic_id, receipt.delivery_id, receipt.attempt)
            for receipt in receipts
            if any(rule_id.startswith(f"{table}.") for rule_id in receipt.warnings)
        )
        if files := _existing(written):
            connection.execute(
                f"""
                insert into finding
                with warned as (
                  select clinic_id, delivery_id, line, unnest(string_split(warnings, ',')) as rule_id
                  from read_parquet($files, hive_partitioning = false)
                  where warnings is not null
                )
                {_explained("warned", "$table", "r.column_name", "'warn'", "false")}
                """,
                {"files": files, "table": table},
            )


def _insert_cross_table(connection: "duckdb.DuckDBPyConnection", relation: str, receipts: Iterable[Receipt]) -> None:
    keys = [receipt.key for receipt in receipts]
    connection.execute(
        f"""
        insert into finding
        with asked as (
          select unnest($clinics::varchar[]) as clinic_id, unnest($deliveries::varchar[]) as delivery_id
        ), found as (
          select f.* from {relation} as f semi join asked using (clinic_id, delivery_id)
        )
        {_explained("found", "f.table_name", "f.column_name", "f.severity", "true")}
        """,
        {"clinics": [clinic for clinic, _ in keys], "deliveries": [delivery for _, delivery in keys]},
    )


def _explained(source: str, table: str, column: str, severity: str, is_cross_table: str) -> str:
    return f"""
    select f.clinic_id, f.delivery_id, {table}, f.line, {column}, f.rule_id, {severity},
      coalesce(r.dimension, 'plausibility'), coalesce(r.reason, '{_RETIRED}'), {is_cross_table}
    from {source} as f
    left join rule as r on f.rule_id = r.rule_id
    """


def _existing(files: Iterable[Path]) -> list[str]:
    return [str(file) for file in files if file.exists()]
