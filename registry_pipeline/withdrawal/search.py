"""Is an id still in a file? In its bytes, and in what they hold once they are unpacked or decoded.

Compression hides bytes, so Parquet and DuckDB are read, and gzip, zip and Excel unpacked. What does not belong here:
removing what is found.
"""

import gzip
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO

import duckdb

from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.duck import literal, open_database

_CHUNK = 1 << 22
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be")
_PARTITION = "clinic_id="


def search_home(settings: Settings, *patient_ids: str, clinic_id: str | None = None) -> list[Path]:
    """Return the files of a home that still hold one of the ids.

    Left out are landing, which is the clinics' own, the simulator's truth, and the tombstones.

    Args:
        settings: The home.
        patient_ids: What to look for.
        clinic_id: The clinic whose patients they are; the same id may stand for somebody else at another clinic.
    """
    home = settings.layout
    left_out = (home.landing, home.truth, home.tombstones)
    files = (file for file in _files(home.root) if not any(file.is_relative_to(folder) for folder in left_out))
    return search_files(
        settings, (file for file in files if not _is_of_other(file, settings, clinic_id)), patient_ids, clinic_id
    )


def search_landing(settings: Settings, clinic_id: str, patient_id: str) -> list[Path]:
    """Return the files of a clinic's landing folder that hold an id, as far as they can be read."""
    return search_files(settings, _files(settings.layout.landing / clinic_id), (patient_id,))


def search_files(
    settings: Settings, files: Iterable[Path], ids: Collection[str], clinic_id: str | None = None
) -> list[Path]:
    """Return those of the files that hold one of the ids, and Parquet and DuckDB files that cannot be read."""
    connection = open_database(Path(":memory:"), read_only=False, settings=settings)
    try:
        return [file for file in files if _holds(connection, file, ids, clinic_id)]
    finally:
        connection.close()


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


def _is_of_other(file: Path, settings: Settings, clinic_id: str | None) -> bool:
    """Tell whether a file is another clinic's alone."""
    if clinic_id is None:
        return False
    home = settings.layout
    if file.is_relative_to(home.receipts):
        return file.relative_to(home.receipts).parts[0] != clinic_id
    partitions = [part.removeprefix(_PARTITION) for part in file.parts if part.startswith(_PARTITION)]
    return bool(partitions) and clinic_id not in partitions


def _holds(
    connection: duckdb.DuckDBPyConnection, file: Path, ids: Collection[str], clinic_id: str | None = None
) -> bool:
    with file.open("rb") as handle:
        head = handle.read(16)
    if head.startswith(b"\x1f\x8b") and _holds_packed(partial(gzip.GzipFile, file), ids):
        return True
    if head.startswith(b"PK\x03\x04") and _holds_zipped(file, ids):
        return True
    mine, others = False, False
    if head.startswith(b"PAR1"):
        mine, others = _rows_hold(
            connection, f"read_parquet({literal(str(file))}, hive_partitioning = false)", ids, clinic_id
        )
    elif head[8:12] == b"DUCK":
        mine, others = _database_holds(connection, file, ids, clinic_id)
    # Where the id is somebody else's as well, the bytes cannot tell.
    return mine or (not others and _holds_packed(partial(_raw, file), ids))


def _holds_zipped(file: Path, ids: Collection[str]) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            return any(_holds_packed(partial(archive.open, member), ids) for member in members)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError):
        return False


def _holds_packed(opened: Callable[[], IO[bytes] | gzip.GzipFile], ids: Collection[str]) -> bool:
    """Search a stream piece by piece, each with the end of the one before it."""
    wanted = [text.encode(encoding) for text in ids for encoding in _ENCODINGS]
    overlap = max(map(len, wanted)) - 1
    tail = b""
    try:
        with opened() as stream:
            while chunk := stream.read(_CHUNK):
                piece = tail + chunk
                if any(item in piece for item in wanted):
                    return True
                tail = piece[-overlap:]
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError):
        # Damaged or encrypted from here on.
        return False
    return False


def _raw(file: Path) -> IO[bytes]:
    return file.open("rb")


def _database_holds(
    connection: duckdb.DuckDBPyConnection, file: Path, ids: Collection[str], clinic_id: str | None
) -> tuple[bool, bool]:
    try:
        connection.execute(f"attach {literal(str(file))} as searched (read_only)")
    except duckdb.Error:
        return True, False
    try:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'searched'"
        ).fetchall()
        answers = [_rows_hold(connection, f'searched."{schema}"."{table}"', ids, clinic_id) for schema, table in tables]
    finally:
        connection.execute("detach searched")
    return any(mine for mine, _ in answers), any(others for _, others in answers)


def _rows_hold(
    connection: duckdb.DuckDBPyConnection, source: str, ids: Collection[str], clinic_id: str | None
) -> tuple[bool, bool]:
    """Tell whether the ids stand in rows of the clinic (or of nobody), and whether in rows of another clinic."""
    try:
        columns = connection.execute(f"describe from {source}").fetchall()
        texts = [
            name for name, kind, *_ in columns if any(word in kind for word in ("VARCHAR", "BLOB", "JSON", "ENUM"))
        ]
        if not texts:
            return False, False
        cells = " || chr(31) || ".join(f"""coalesce(cast(r."{name}" as varchar), '')""" for name in texts)
        found = " or ".join(f"contains({cells}, {literal(text)})" for text in ids)
        is_other = "false"
        if clinic_id is not None and "clinic_id" in texts:
            is_other = f"r.clinic_id is distinct from {literal(clinic_id)}"
        mine, others = connection.execute(
            f"""
            select coalesce(bool_or(not x.is_other), false), coalesce(bool_or(x.is_other), false)
            from (select {is_other} as is_other from {source} as r where {found}) as x
            """
        ).fetchall()[0]
    except duckdb.Error:
        # What cannot be read is not shown to be clean.
        return True, False
    return bool(mine), bool(others)
