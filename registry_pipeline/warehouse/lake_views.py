"""The `lake` schema of a build: views over the live Parquet files, the deliveries, the clinics.

What belongs here: presenting the lake to SQL. What does not: deciding which row of a key is current (staging).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import duckdb

from registry_pipeline.contracts.load import Contracts
from registry_pipeline.contracts.model import TableContract
from registry_pipeline.feeds.model import Feed
from registry_pipeline.lake.current import live_among, replaced_deliveries
from registry_pipeline.lake.paths import Home
from registry_pipeline.lake.receipts import Receipt, read_receipts
from registry_pipeline.warehouse.duck import create_filled, literal
from registry_pipeline.warehouse.staging import contract_columns

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
    "superseded_by": "VARCHAR",
    "status": "VARCHAR",
    "n_records": "BIGINT",
    "n_accepted": "BIGINT",
    "n_quarantined": "BIGINT",
    "n_duplicate": "BIGINT",
    "n_erased": "BIGINT",
}


def lake_columns(table: TableContract) -> Columns:
    """Return the columns of `lake.<table>` and their types."""
    contract = {column.name: column.physical_type for column in contract_columns(table)}
    if not table.is_delivered:
        return contract
    return {
        **contract,
        "delivery_id": "VARCHAR",
        "line": "BIGINT",
        "is_retracted": "BOOLEAN",
        "delivery_order": "BIGINT",
        "row_no": "BIGINT",
    }


def lake_schema(contracts: Contracts) -> dict[str, Columns]:
    """Return every relation of the lake schema with its columns and their types."""
    tables = {table.name: lake_columns(table) for table in contracts.tables.values()}
    return {**tables, "delivery": DELIVERY_COLUMNS}


def create_lake(
    connection: duckdb.DuckDBPyConnection, home: Home, contracts: Contracts, feeds: Mapping[str, Feed]
) -> None:
    """Create the lake schema in an open build file.

    Args:
        connection: The build file.
        home: Where receipts and Parquet files lie.
        contracts: The tables there are and their columns.
        feeds: The feed of each clinic that has one.
    """
    receipts = sorted(read_receipts(home), key=lambda receipt: (receipt.clinic_id, receipt.order))
    connection.execute("create schema lake")
    create_filled(connection, "lake.delivery", DELIVERY_COLUMNS, _delivery_rows(receipts))
    made = {"feed": _feed_rows, "receipt": _receipt_rows}
    files = _live_files(home, live_among(receipts))
    for table in contracts.tables.values():
        if table.is_delivered:
            connection.execute(f"create view lake.{table.name} as {_table_query(table, files[table.name])}")
        else:
            columns = lake_columns(table)
            rows = ([row[name] for name in columns] for row in made[table.origin](receipts, feeds))
            create_filled(connection, f"lake.{table.name}", columns, rows)


def _feed_rows(receipts: list[Receipt], feeds: Mapping[str, Feed]) -> Iterator[dict[str, object]]:
    """Yield the clinics. One whose feed was taken away keeps the data it sent; only its type is no longer known."""
    for clinic_id in sorted({*feeds, *(receipt.clinic_id for receipt in receipts)}):
        feed = feeds.get(clinic_id)
        yield {"clinic_id": clinic_id, "clinic_type": feed and feed.clinic_type}


def _receipt_rows(receipts: list[Receipt], feeds: Mapping[str, Feed]) -> Iterator[dict[str, object]]:
    """Yield the deliveries. A clinic attests its method of de-identification by the feed that declares it."""
    for receipt in receipts:
        feed = feeds.get(receipt.clinic_id)
        yield {
            "submission_id": receipt.delivery_id,
            "clinic_id": receipt.clinic_id,
            "seq": receipt.arrival_no,
            "schema_version": receipt.contract_version,
            "file_sha256": receipt.delivery_id,
            "deid_method": feed and feed.deid_method,
            "attested": feed is not None,
            **asdict(receipt.counts),
        }


def _delivery_rows(receipts: list[Receipt]) -> Iterable[tuple[object, ...]]:
    live = {receipt.key for receipt in live_among(receipts)}
    replaced = replaced_deliveries(receipts)
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
            replaced[receipt.key].delivery_id if receipt.key in replaced else None,
            receipt.status,
            counts.n_records,
            counts.n_accepted,
            counts.n_quarantined,
            counts.n_duplicate,
            sum(receipt.erased.values()),
        )


def _live_files(home: Home, live: list[Receipt]) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = defaultdict(list)
    for receipt in live:
        for table, counts in receipt.tables.items():
            if counts.n_accepted:
                files[table].append(home.lake_file(table, *receipt.key, receipt.attempt))
    return files


def _table_query(table: TableContract, files: list[Path]) -> str:
    """Return the query of a table's live files, which are listed in the order of their deliveries."""
    columns = lake_columns(table)
    nulls = ", ".join(f"cast(null as {kind}) as {name}" for name, kind in columns.items())
    if not files:
        return f"select {nulls} where false"
    listed = ", ".join(literal(str(file)) for file in files)
    own = ", ".join(f"cast(f.{name} as {kind}) as {name}" for name, kind in columns.items())
    # Files of earlier versions may lack a column, so the columns of today come first, without rows. The path says
    # clinic_id too; the column in the file is the one to trust.
    return f"""
    select {own}
    from (
      select {nulls} where false
      union all by name
      select *, cast(file_index as bigint) as delivery_order, file_row_number as row_no
      from read_parquet([{listed}], hive_partitioning = false, union_by_name = true)
    ) as f
    """
