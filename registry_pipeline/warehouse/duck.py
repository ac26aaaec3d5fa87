"""The one place that opens DuckDB, so that memory, threads and spill folder are never left to its defaults."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import duckdb

from registry_pipeline.errors import BuildError, ConfigurationError
from registry_pipeline.settings import Settings


def duckdb_options(settings: Settings) -> dict[str, str | int | bool]:
    """Return the options that every DuckDB connection of the registry runs under.

    The spill folder is absolute and private: DuckDB's default is `.tmp` in the current folder, where patients' rows
    would land.
    """
    spill = settings.layout.work / "duckdb_tmp"
    return {
        "memory_limit": settings.memory_limit,
        "threads": settings.threads,
        "temp_directory": str(spill),
        # Every pick of a row has a total order of its own, so none leans on the order of insertion.
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }


def open_database(path: Path, *, read_only: bool, settings: Settings) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB file.

    Args:
        path: The file; it is made when it is absent and `read_only` is false.
        read_only: Whether to open it without taking the writer's lock.
        settings: Where to spill, and how much memory and how many threads to use.

    Raises:
        ConfigurationError: If the file is absent, or a setting is not one that DuckDB takes.
        BuildError: If another process holds the file, or it is not a DuckDB file.
    """
    if read_only and not path.is_file():
        raise ConfigurationError("There is no such database.", remedy="Run `registry run` first.", file=path)
    options = duckdb_options(settings)
    if not read_only:
        Path(str(options["temp_directory"])).mkdir(parents=True, exist_ok=True)
    try:
        return duckdb.connect(str(path), read_only=read_only, config=options)
    except (duckdb.ParserException, duckdb.InvalidInputException, duckdb.CatalogException) as error:
        raise ConfigurationError(
            "DuckDB does not take the settings.",
            remedy="Mend REGISTRY_MEMORY_LIMIT (such as 2GB) and REGISTRY_THREADS.",
            file=path,
        ) from error
    except duckdb.Error as error:
        raise BuildError(
            "The database cannot be opened: another process holds it, or it is damaged.",
            remedy="Close the other process, or delete the file when it is under work/, then run again.",
            file=path,
        ) from error


def open_in_memory(settings: Settings) -> duckdb.DuckDBPyConnection:
    """Open a database that is gone when it is closed."""
    return duckdb.connect(config=duckdb_options(settings))


def literal(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def create_filled(
    connection: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, str], rows: Iterable[Sequence[object]]
) -> None:
    """Create a table and fill it with rows made in Python, all at once: one by one they would cost a millisecond each.

    Args:
        connection: An open database.
        name: The table's name, with its schema when it has one.
        columns: The type of each column, in order.
        rows: Values in that order; they must fit the types.
    """
    import pyarrow as pa  # noqa: PLC0415 - takes a while, and most commands only query

    connection.execute(f"create table {name} ({', '.join(f'{column} {kind}' for column, kind in columns.items())})")
    if found := list(rows):
        arrow = pa.table(dict(zip(columns, map(list, zip(*found, strict=True)), strict=True)))
        connection.register("rows_to_fill", arrow)
        connection.execute(f"insert into {name} select * from rows_to_fill")
        connection.unregister("rows_to_fill")
