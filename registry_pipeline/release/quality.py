"""What a release says of its data: `quarantine.records`, `meta.data_quality`, `meta.column_completeness`.

What belongs here: their columns and the SQL that fills them. What does not: gathering and counting findings
(`registry_pipeline/scorecard`).
"""

from typing import TYPE_CHECKING

from registry_pipeline.release.dictionary import ColumnDoc, TableDoc

if TYPE_CHECKING:
    import duckdb

QUARANTINE = TableDoc(
    "quarantine",
    "records",
    "One row per finding that kept a record out. The raw records stay in the quarantine files of the home.",
    (
        ColumnDoc("clinic_id", "VARCHAR", "The clinic that sent the record."),
        ColumnDoc("delivery_id", "VARCHAR", "The delivery it came in."),
        ColumnDoc("file_name", "VARCHAR", "The file's path below the clinic's landing folder."),
        ColumnDoc("table_name", "VARCHAR", "The table it was meant for; empty when none could be told."),
        ColumnDoc("line", "BIGINT", "Physical line, sheet row or row number in the file, from 1."),
        ColumnDoc("column_name", "VARCHAR", "The column at fault; empty for rules about the whole record."),
        ColumnDoc("rule_id", "VARCHAR", "The rule that it breaks."),
        ColumnDoc("severity", "VARCHAR", "reject or duplicate."),
        ColumnDoc("dimension", "VARCHAR", "Data-quality dimension of the rule."),
        ColumnDoc("reason", "VARCHAR", "The rule in one sentence."),
    ),
)

DATA_QUALITY = TableDoc(
    "meta",
    "data_quality",
    "The scorecard: how many of the records read broke rules, by clinic, table, month of arrival and dimension. "
    "Files refused whole have one line of their own, without a table.",
    (
        ColumnDoc("clinic_id", "VARCHAR", "The clinic that sent the records."),
        ColumnDoc("table_name", "VARCHAR", "Their table; unassigned when none could be told, empty for refused files."),
        ColumnDoc("arrival_month", "VARCHAR", "Month in which the registry took them (UTC), such as 2026-11."),
        ColumnDoc("dimension", "VARCHAR", "conformance, completeness or plausibility."),
        ColumnDoc("numerator", "BIGINT", "Records refused by at least one rule of the dimension."),
        ColumnDoc("denominator", "BIGINT", "Records read, replaced ones included."),
        ColumnDoc("rate", "DOUBLE", "numerator / denominator; empty when nothing was read."),
        ColumnDoc("n_warned", "BIGINT", "Records taken that a rule of the dimension warns about."),
        ColumnDoc(
            "threshold", "DOUBLE", "The greatest rate that the table's contract allows; empty when it sets none."
        ),
        ColumnDoc(
            "status", "VARCHAR", "pass: no finding. pass_with_findings: some, allowed. fail: above the threshold."
        ),
        ColumnDoc("past_rate", "DOUBLE", "The clinic's rate in its earlier months; empty when they are too few."),
        ColumnDoc("drift_low", "DOUBLE", "Lower control limit that the earlier months set."),
        ColumnDoc("drift_high", "DOUBLE", "Upper control limit that the earlier months set."),
        ColumnDoc("is_drifting", "BOOLEAN", "Whether the rate lies outside the limits, above or below."),
        ColumnDoc("n_refused_files", "BIGINT", "Files refused whole; only on the line without a table."),
        ColumnDoc("is_suppressed", "BOOLEAN", "Whether the numbers are hidden because so few records were read."),
    ),
)

COLUMN_COMPLETENESS = TableDoc(
    "meta",
    "column_completeness",
    "How often each column is empty in the rows that count now, by clinic. Many columns may well be empty: the reason "
    "why an event was serious, say, where it was not.",
    (
        ColumnDoc("clinic_id", "VARCHAR", "The clinic that sent the rows."),
        ColumnDoc("table_name", "VARCHAR", "Their table."),
        ColumnDoc("column_name", "VARCHAR", "The column."),
        ColumnDoc("numerator", "BIGINT", "Rows in which it is empty."),
        ColumnDoc("denominator", "BIGINT", "Rows."),
        ColumnDoc("rate", "DOUBLE", "numerator / denominator."),
    ),
)

_NUMBERS = ("numerator", "denominator", "rate", "n_warned", "past_rate", "drift_low", "drift_high")
"""Columns of the scorecard from which a small number of records could be told."""


def insert_quarantine(connection: "duckdb.DuckDBPyConnection", build: str) -> None:
    """Fill `quarantine.records` from the temporary table `finding`.

    Args:
        connection: Open on the new database, with the build attached and the findings gathered.
        build: The name under which it is attached.
    """
    connection.execute("create schema quarantine")
    connection.execute(QUARANTINE.ddl)
    connection.execute(
        f"""
        insert into {QUARANTINE.address}
        select f.clinic_id, f.delivery_id, d.file_name, f.table_name, f.line, f.column_name, f.rule_id, f.severity,
          f.dimension, f.reason
        from finding as f
        inner join {build}.lake.delivery as d on f.clinic_id = d.clinic_id and f.delivery_id = d.delivery_id
        where f.severity <> 'warn'
        """
    )


def insert_scorecard(connection: "duckdb.DuckDBPyConnection") -> None:
    """Fill `meta.data_quality` from the temporary table `scorecard`."""
    columns = ", ".join(column.name for column in DATA_QUALITY.columns if column.name != "is_suppressed")
    connection.execute(DATA_QUALITY.ddl)
    connection.execute(
        f"insert into {DATA_QUALITY.address} select {columns}, false from scorecard "
        "order by clinic_id, table_name nulls last, arrival_month, dimension"
    )


def insert_public_scorecard(connection: "duckdb.DuckDBPyConnection", restricted: str, small_cell: int) -> None:
    """Fill the public `meta.data_quality`: what is said of too few records is hidden, that there are some is not.

    Args:
        connection: Open on the new public database, with the restricted one attached.
        restricted: The name under which it is attached.
        small_cell: Counts from 1 to this are hidden.
    """
    is_small = f"denominator between 1 and {small_cell} or denominator - numerator between 1 and {small_cell}"
    hidden = ", ".join(f"case when not ({is_small}) then {name} end as {name}" for name in _NUMBERS)
    connection.execute(DATA_QUALITY.ddl)
    connection.execute(
        f"insert into {DATA_QUALITY.address} select * replace ({hidden}, {is_small} as is_suppressed, "
        f"case when not ({is_small}) then is_drifting end as is_drifting) from {restricted}.{DATA_QUALITY.address}"
    )


def insert_completeness(connection: "duckdb.DuckDBPyConnection") -> None:
    """Fill `meta.column_completeness` from the accepted rows of `staging`."""
    connection.execute(COLUMN_COMPLETENESS.ddl)
    columns = connection.execute(
        "select table_name, list(column_name order by column_index) from duckdb_columns() "
        "where database_name = current_database() and schema_name = 'staging' and column_name <> 'clinic_id' "
        "group by table_name order by table_name"
    ).fetchall()
    for table, names in columns:
        counts = ", ".join(f"count(*) - count({name}) as {name}" for name in names)
        connection.execute(
            f"""
            insert into {COLUMN_COMPLETENESS.address}
            with counted as (
              select clinic_id, count(*) as n_rows, {counts} from staging.{table} group by clinic_id
            ), one_per_column as (
              unpivot counted on {", ".join(names)} into name column_name value n_missing
            )
            select clinic_id, $table, column_name, n_missing, n_rows, n_missing / n_rows from one_per_column
            order by clinic_id, column_name
            """,
            {"table": table.removeprefix("stg_")},
        )
