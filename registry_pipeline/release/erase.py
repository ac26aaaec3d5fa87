"""Kept releases without the rows of patients who withdrew with deletion.

The row-level `restricted.duckdb` is written anew: DuckDB leaves deleted rows in the file's free blocks. The public
`registry.duckdb` holds aggregates and stays as published. The manifest is written before the file is swapped in, so a
crash between the two shows as a hash that does not fit, and erasing again makes it good.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from registry_pipeline.lake.atomic import empty_directory, replacing, write_text
from registry_pipeline.release.releases import MANIFEST, Release, published, read_manifest
from registry_pipeline.warehouse.duck import literal
from registry_pipeline.withdrawal.belongings import PATIENT_ID, Belongings

if TYPE_CHECKING:
    from registry_pipeline.lake.paths import Home

_FILE = "restricted.duckdb"
_OLD, _NEW = "published", "restricted"
"""What the files are attached as. Views in a database may carry its name, which is that of its file."""
_NUMBER, _NUMBERED = "patient_no", "int_consented_patient"
"""How intermediate tables name patients, and the one that says whose number it is."""


def count_in_releases(home: "Home", belongings: Belongings) -> dict[str, dict[str, int]]:
    """Return how many rows of the patients each kept release holds: release → table → rows, none left out."""
    found = {}
    for release in _row_level(home):
        with _attached(belongings, release.path / _FILE):
            if counts := _counts(belongings):
                found[release.release_id] = counts
    return found


def erase_from_releases(home: "Home", belongings: Belongings, erased_at: str) -> dict[str, dict[str, int]]:
    """Rewrite `restricted.duckdb` of every kept release that holds rows of the patients.

    Args:
        home: The registry home.
        belongings: Whose rows are to go.
        erased_at: UTC, ISO 8601: what the manifests are to say.

    Returns:
        Release → table → number of rows erased.

    Raises:
        StorageError: If a release cannot be written; those before it are finished.
    """
    found = {}
    for release in _row_level(home):
        file = release.path / _FILE
        fresh = empty_directory(home.work / "erase") / _FILE
        with _attached(belongings, file):
            counts = _counts(belongings)
            if counts:
                _copy_the_rest(belongings, fresh)
        if counts:
            _announce(release.path, fresh, {"erased_at": erased_at, "rows": counts})
            # Who has the old file open keeps reading it.
            with replacing(file) as temporary:
                fresh.replace(temporary)
            found[release.release_id] = counts
    return found


def _row_level(home: "Home") -> Iterator[Release]:
    yield from (release for release in published(home) if (release.path / _FILE).is_file())


@contextmanager
def _attached(belongings: Belongings, file: Path) -> Iterator[None]:
    belongings.connection.execute(f"attach {literal(str(file))} as {_OLD} (read_only)")
    try:
        yield
    finally:
        belongings.connection.execute(f"detach {_OLD}")


def _tables(belongings: Belongings) -> Iterator[tuple[str, str | None]]:
    """Yield every table of the attached release with the condition that a row of it is the patients', if it has one."""
    rows = belongings.connection.execute(
        """
        select t.schema_name, t.table_name, list(c.column_name order by c.column_index)
        from duckdb_tables() as t
        inner join duckdb_columns() as c using (database_name, schema_name, table_name)
        where t.database_name = $database
        group by all
        order by all
        """,
        {"database": _OLD},
    ).fetchall()
    numbers: list[str] = next((columns for _, table, columns in rows if table == _NUMBERED), [])
    for schema, table, columns in rows:
        if _NUMBER in columns and PATIENT_ID not in columns:
            own = belongings.condition(numbers)
            numbered = f"select r.{_NUMBER} from {_OLD}.intermediate.{_NUMBERED} as r where {own}"
            yield f'{schema}."{table}"', f"(r.{_NUMBER} in ({numbered}))"
            continue
        contract = table.removeprefix("stg_") if schema == "staging" else None
        yield f'{schema}."{table}"', belongings.condition(columns, contract)


def _counts(belongings: Belongings) -> dict[str, int]:
    counts = {}
    for table, condition in _tables(belongings):
        if condition is not None:
            query = f"select count(*) from {_OLD}.{table} as r where {condition}"
            n_rows = belongings.connection.execute(query).fetchall()[0][0]
            if n_rows:
                counts[table.replace('"', "")] = n_rows
    return counts


def _copy_the_rest(belongings: Belongings, fresh: Path) -> None:
    connection = belongings.connection
    connection.execute(f"attach {literal(str(fresh))} as {_NEW}")
    try:
        # Schemas, views and comments come along.
        connection.execute(f"copy from database {_OLD} to {_NEW} (schema)")
        for table, condition in _tables(belongings):
            where = f"where not {condition}" if condition else ""
            connection.execute(f"insert into {_NEW}.{table} select * from {_OLD}.{table} as r {where}")
        connection.execute(f"checkpoint {_NEW}")
    finally:
        connection.execute(f"detach {_NEW}")


def _announce(release: Path, fresh: Path, erasure: dict[str, object]) -> None:
    """Let the manifest say what is erased and what the new file is like."""
    manifest = read_manifest(release)
    erasures = list(manifest.get("erasures", []))
    if erasures and manifest["files"][_FILE]["sha256"] != _sha256(release / _FILE):
        # Announced before a crash, and never done.
        erasures.pop()
    files = {**manifest["files"], _FILE: {"sha256": _sha256(fresh), "n_bytes": fresh.stat().st_size}}
    text = json.dumps({**manifest, "files": files, "erasures": [*erasures, erasure]}, indent=2)
    write_text(release / MANIFEST, text + "\n")


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
