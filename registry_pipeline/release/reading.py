"""Opening a database of the current release, which a run may replace and prune at that very moment.

What belongs here: opening. What does not: what is asked of it.
"""

from typing import TYPE_CHECKING

from registry_pipeline.release.releases import reading_current

if TYPE_CHECKING:
    import duckdb

    from registry_pipeline.settings import Settings


def open_current(settings: "Settings", name: str) -> "duckdb.DuckDBPyConnection | None":
    """Open a database of the current release for reading; None when there is no release.

    Args:
        settings: Of the home.
        name: `registry.duckdb` or `restricted.duckdb`.

    Raises:
        BuildError: If the file is damaged.
    """
    from registry_pipeline.warehouse.duck import open_database  # noqa: PLC0415 - DuckDB: not for --help

    return reading_current(
        settings.layout, lambda folder: open_database(folder / name, read_only=True, settings=settings)
    )
