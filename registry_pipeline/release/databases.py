"""The two databases of a release, written fresh: `restricted.duckdb` from the build, `registry.duckdb` from that.

What belongs here: copying, commenting, closing without a trace. What does not: what is hidden (`disclosure.py`) and
what is refused (`gate.py`). Nothing is ever updated in place and no index is made: both would carry risk into files
that are read for years.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from registry_pipeline.contracts.load import Contracts
from registry_pipeline.errors import BuildError, StorageError
from registry_pipeline.lake.receipts import read_receipts
from registry_pipeline.release.dictionary import copied_docs, mart_doc, write_dictionary
from registry_pipeline.release.guide import insert_guide
from registry_pipeline.release.history import HISTORY, insert_history
from registry_pipeline.release.mart_contracts import MartContract
from registry_pipeline.release.meta import (
    DELIVERIES,
    RELEASES,
    Draft,
    insert_deliveries,
    insert_public_deliveries,
    insert_releases,
)
from registry_pipeline.release.quality import (
    COLUMN_COMPLETENESS,
    DATA_QUALITY,
    QUARANTINE,
    insert_completeness,
    insert_public_scorecard,
    insert_quarantine,
    insert_scorecard,
)
from registry_pipeline.scorecard.findings import gather_findings
from registry_pipeline.scorecard.measure import measure
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.duck import literal, open_database

_COPIED = {"staging": "stg_", "intermediate": "", "marts": "", "quality": ""}
"""Schemas of the build that go into `restricted.duckdb`, and what their tables' names start with.

Views of `intermediate` are steps on the way to a table and stay behind: to store one costs as much as to build it.
"""


@contextmanager
def new_database(path: Path, settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection to a new database; on success it is one finished file, with nothing left in a `.wal`.

    Raises:
        StorageError: If it cannot be written, for want of space or otherwise.
        BuildError: If DuckDB cannot do what it is told.
    """
    with _database_errors(path):
        connection = open_database(path, read_only=False, settings=settings)
        try:
            yield connection
            connection.execute("checkpoint")
        finally:
            connection.close()
    if path.with_name(f"{path.name}.wal").exists():
        raise StorageError("The database was not closed cleanly.", remedy="Free space and run again.", file=path)


@contextmanager
def attached(connection: duckdb.DuckDBPyConnection, path: Path) -> Iterator[str]:
    """Attach `path` for reading and yield the name it goes by."""
    # Views in a database carry its name, which DuckDB takes from the file: no other alias would do.
    name = path.stem
    connection.execute(f"attach {literal(str(path))} as {name} (read_only)")
    yield name
    connection.execute(f"detach {name}")


def write_restricted(
    path: Path, draft: Draft, contracts: Contracts, marts: Mapping[str, MartContract], settings: Settings
) -> list[dict[str, Any]]:
    """Write `restricted.duckdb`: row-level de-identified tables, unsuppressed marts, quality, quarantine, meta.

    Returns:
        The rows of `meta.releases`, the latest first.

    Raises:
        ReconciliationError: If a delivery's records are not all accounted for.
        StorageError: If it cannot be written.
        BuildError: If the build lacks a table.
    """
    receipts = list(read_receipts(settings.layout))
    with new_database(path, settings) as connection:
        with attached(connection, draft.build.path) as source:
            for schema, prefix in _COPIED.items():
                _copy(connection, source, schema, prefix)
            docs = copied_docs(connection, source, contracts.tables, marts)
            connection.execute("create schema meta")
            insert_deliveries(connection, source)
            ledger = insert_releases(connection, source, draft, contracts.version, settings.small_cell)
            findings = f"{source}.quality.cross_table_findings"
            gather_findings(connection, settings.layout, receipts, contracts, findings)
            insert_quarantine(connection, source)
            insert_history(connection, settings.layout, receipts)
            measure(connection, receipts, contracts)
            insert_scorecard(connection)
            insert_completeness(connection)
        write_dictionary(
            connection, [*docs, QUARANTINE, HISTORY, RELEASES, DELIVERIES, DATA_QUALITY, COLUMN_COMPLETENESS]
        )
    return ledger


def write_public(
    path: Path,
    restricted: Path,
    released: Mapping[str, pl.DataFrame],
    marts: Mapping[str, MartContract],
    settings: Settings,
) -> None:
    """Write `registry.duckdb`: the marts as disclosure control left them, and what the release says of itself.

    Raises:
        StorageError: If it cannot be written.
        BuildError: If a mart does not fit the types of its contract.
    """
    docs = [mart_doc(marts[name]) for name in sorted(released)]
    with new_database(path, settings) as connection:
        connection.execute("create schema marts")
        for doc in docs:
            connection.execute(doc.ddl)
            connection.register("released", released[doc.name].to_arrow())
            columns = ", ".join(f'cast("{column.name}" as {column.type})' for column in doc.columns)
            connection.execute(f"insert into {doc.address} select {columns} from released")
            connection.unregister("released")
        with attached(connection, restricted) as source:
            _copy(connection, source, "meta", "releases")
            insert_public_deliveries(connection, source, settings.small_cell)
            insert_public_scorecard(connection, source, settings.small_cell)
        guide = insert_guide(connection, {name: marts[name] for name in released})
        write_dictionary(connection, [*docs, RELEASES, DELIVERIES, DATA_QUALITY, *guide])


def read_marts(path: Path, settings: Settings) -> dict[str, pl.DataFrame]:
    """Return every mart of a finished database, as it lies on disk.

    Raises:
        BuildError: If the file cannot be read.
    """
    with _reading(path, settings) as connection:
        return {
            name: connection.execute(f'select * from marts."{name}"').pl()
            for name in _relations(connection, path.stem, "marts", "")
        }


def read_strata(restricted: Path, settings: Settings) -> pl.DataFrame:
    """Return how many clinics each stratum rests on.

    Raises:
        BuildError: If the file cannot be read.
    """
    with _reading(restricted, settings) as connection:
        rows: pl.DataFrame = connection.execute("from intermediate.int_stratum_clinics").pl()
        return rows


def read_deliveries(path: Path, settings: Settings) -> pl.DataFrame:
    """Return `meta.deliveries` of a finished database.

    Raises:
        BuildError: If the file cannot be read.
    """
    with _reading(path, settings) as connection:
        rows: pl.DataFrame = connection.execute(f"from {DELIVERIES.address} order by clinic_id, delivery_id").pl()
        return rows


@contextmanager
def _reading(path: Path, settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with _database_errors(path):
        connection = open_database(path, read_only=True, settings=settings)
        try:
            yield connection
        finally:
            connection.close()


def _relations(connection: duckdb.DuckDBPyConnection, database: str, schema: str, prefix: str) -> list[str]:
    rows = connection.execute(
        """
        select distinct table_name from duckdb_columns()
        where database_name = $database and schema_name = $schema and starts_with(table_name, $prefix)
        order by table_name
        """,
        {"database": database, "schema": schema, "prefix": prefix},
    ).fetchall()
    return [name for (name,) in rows]


def _copy(connection: duckdb.DuckDBPyConnection, source: str, schema: str, prefix: str) -> None:
    connection.execute(f"create schema if not exists {schema}")
    views = {
        name
        for (name,) in connection.execute(
            "select view_name from duckdb_views() where database_name = $source and schema_name = 'intermediate'",
            {"source": source},
        ).fetchall()
    }
    for name in _relations(connection, source, schema, prefix):
        if name not in views:
            connection.execute(f'create table {schema}."{name}" as select * from {source}.{schema}."{name}"')


@contextmanager
def _database_errors(path: Path) -> Iterator[None]:
    """Turn DuckDB's errors into ours. Its messages may quote a cell, so only their kind is passed on."""
    try:
        yield
    except duckdb.Error as error:
        if isinstance(error, duckdb.IOException) or "no space left" in str(error).lower():
            raise StorageError(
                "The disk is full, or the database cannot be written or read; the previous release stays.",
                remedy="Free space, check the permissions, and run again.",
                file=path,
            ) from None
        raise BuildError(
            f"DuckDB cannot write or read the release ({type(error).__name__}).",
            remedy="The previous release stays. Check that the models and their contracts agree.",
            file=path,
        ) from None
