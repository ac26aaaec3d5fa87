"""The `lake` schema of a build: views over the live Parquet files, the deliveries, the clinics.

What belongs here: presenting the lake to SQL. What does not: deciding which row of a key is current (staging).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb

from registry_pipeline.contracts.load import Contracts
from registry_pipeline.contracts.model import TableContract
from registry_pipeline.lake.current import live_deliveries
from registry_pipeline.lake.paths import Home
from registry_pipeline.lake.receipts import Receipt, read_receipts
from registry_pipeline.warehouse.staging import contract_columns, delivered

Columns = dict[str, str]

DELIVERY_COLUMNS: Columns = {
    "delivery_id": "VARCHAR",
    "clinic_id": "VARCHAR",
    "file_name": "VARCHAR",
    "source": "VARCHAR",
    "mode": "VARCHAR",
    "received_at": "VARCHAR",
    "feed_version": "VARCHAR",
    "contract_version": "VARCHAR",
    "delivery_order": "BIGINT",
    "is_live": "BOOLEAN",
    "status": "VARCHAR",
    "n_records": "BIGINT",
    "n_accepted": "BIGINT",
    "n_quarantined": "BIGINT",
    "n_duplicate": "BIGINT",
}
CLINIC_COLUMNS: Columns = {"clinic_id": "VARCHAR", "clinic_type": "VARCHAR"}


def lake_columns(table: TableContract) -> Columns:
    """Return the columns of `lake.<table>` and their types."""
    contract = {column.name: column.physical_type for column in contract_columns(table)}
    return {**contract, "delivery_id": "VARCHAR", "line": "BIGINT", "delivery_order": "BIGINT"}


def lake_schema(contracts: Contracts) -> dict[str, Columns]:
    """Return every relation of the lake schema with its columns and their types."""
    tables = {table.name: lake_columns(table) for table in delivered(contracts.tables)}
    return {**tables, "delivery": DELIVERY_COLUMNS, "clinic": CLINIC_COLUMNS}


def create_lake(
    connection: duckdb.DuckDBPyConnection, home: Home, contracts: Contracts, clinic_types: Mapping[str, str]
) -> None:
    """Create the lake schema in an open build file.

    Args:
        connection: The build file.
        home: Where receipts and Parquet files lie.
        contracts: The tables there are and their columns.
        clinic_types: The type of each clinic that has a feed.
    """
    receipts = sorted(read_receipts(home), key=lambda receipt: (receipt.clinic_id, receipt.order))
    live = live_deliveries(home)
    connection.execute("create schema lake")
    _fill(connection, "delivery", DELIVERY_COLUMNS, _delivery_rows(receipts, {receipt.key for receipt in live}))
    # A clinic whose feed was taken away keeps the data it sent; only its type is no longer known.
    known = dict.fromkeys(receipt.clinic_id for receipt in receipts) | dict(clinic_types)
    _fill(connection, "clinic", CLINIC_COLUMNS, sorted(known.items()))
    files = _live_files(home, live)
    for table in delivered(contracts.tables):
        connection.execute(f"create view lake.{table.name} as {_table_query(table, files[table.name])}")


def _delivery_rows(receipts: list[Receipt], live: set[tuple[str, str]]) -> Iterable[tuple[object, ...]]:
    for order, receipt in enumerate(receipts, start=1):
        counts = receipt.counts
        yield (
            receipt.delivery_id,
            receipt.clinic_id,
            receipt.file_name,
            receipt.source,
            receipt.mode,
            receipt.received_at,
            receipt.feed_version,
            receipt.contract_version,
            order,
            receipt.key in live,
            receipt.status,
            counts.n_records,
            counts.n_accepted,
            counts.n_quarantined,
            counts.n_duplicate,
        )


def _fill(
    connection: duckdb.DuckDBPyConnection, name: str, columns: Columns, rows: Iterable[tuple[object, ...]]
) -> None:
    definition = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    connection.execute(f"create table lake.{name} ({definition})")
    if found := list(rows):
        connection.executemany(f"insert into lake.{name} values ({', '.join('?' * len(columns))})", found)


def _live_files(home: Home, live: list[Receipt]) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = defaultdict(list)
    for receipt in live:
        for table, counts in receipt.tables.items():
            if counts.n_accepted:
                files[table].append(home.lake_file(table, receipt.clinic_id, receipt.delivery_id))
    return files


def _table_query(table: TableContract, files: list[Path]) -> str:
    columns = lake_columns(table)
    if not files:
        nulls = ", ".join(f"cast(null as {kind}) as {name}" for name, kind in columns.items())
        return f"select {nulls} where false"
    listed = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
    own = ", ".join(f"cast(f.{name} as {kind}) as {name}" for name, kind in columns.items() if name != "delivery_order")
    # The path says clinic_id too; the column in the file is the one to trust.
    return f"""
    select {own}, d.delivery_order
    from read_parquet([{listed}], hive_partitioning = false, union_by_name = true) as f
    inner join lake.delivery as d on f.clinic_id = d.clinic_id and f.delivery_id = d.delivery_id
    """
