"""The marts once more as plain files: `marts/<mart>.parquet`, `marts/<mart>.csv` and `marts/datapackage.json`.

What belongs here: writing what the public database shows, byte for byte the same from the same rows. What does not:
what may be shown (`disclosure.py`).
"""

import hashlib
import json
import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from registry_pipeline.content import content_path
from registry_pipeline.lake.atomic import replacing, write_text
from registry_pipeline.release.mart_contracts import MartColumn, MartContract
from registry_pipeline.yaml_source import read_yaml

_PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
_MISSING = ""
_TYPES = {"VARCHAR": "string", "BOOLEAN": "boolean", "DATE": "date", "TIMESTAMP": "datetime"}
_WHOLE = re.compile(r"TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT")


def write_exports(
    staged: Path, shown: Mapping[str, pl.DataFrame], marts: Mapping[str, MartContract], release_id: str
) -> None:
    """Write the marts as Parquet and CSV, and a Frictionless Data Package that describes them, into `staged/marts`.

    Rows are sorted by the grain, and nothing says when or where the files were written.

    Args:
        staged: The folder of the release.
        shown: The marts as they stand in the public database.
        marts: Their contracts.
        release_id: The version of the package.

    Raises:
        StorageError: If something cannot be written.
    """
    folder = staged / "marts"
    resources = []
    for name, frame in sorted(shown.items()):
        contract = marts[name]
        rows = frame.sort(contract.grain, nulls_last=True)
        resources += [_csv(folder, rows, contract), _parquet(folder, rows, contract)]
    words = read_yaml(content_path("data_contracts/release/package.yaml")).data
    package = {"$schema": _PROFILE, **words, "version": release_id, "resources": resources}
    write_text(folder / "datapackage.json", json.dumps(package, indent=2, ensure_ascii=False) + "\n")


def _csv(folder: Path, rows: pl.DataFrame, contract: MartContract) -> dict[str, Any]:
    buffer = BytesIO()
    rows.write_csv(buffer, null_value=_MISSING)
    content = buffer.getvalue()
    return {
        **_written(folder / f"{contract.name}.csv", contract.name, "text/csv", content),
        "type": "table",
        "encoding": "utf-8",
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "description": contract.description,
        "schema": {
            "fields": [_field(column) for column in contract.columns],
            "missingValues": [_MISSING],
            "primaryKey": list(contract.grain),
        },
    }


def _parquet(folder: Path, rows: pl.DataFrame, contract: MartContract) -> dict[str, Any]:
    buffer = BytesIO()
    rows.write_parquet(buffer, compression="zstd")
    path, media_type = folder / f"{contract.name}.parquet", "application/vnd.apache.parquet"
    # Parquet brings its own types. Its hash is in the manifest: readers of packages count bytes of text files only, and
    # call any other that names them invalid.
    return {
        **_written(path, f"{contract.name}-parquet", media_type, buffer.getvalue()),
        "description": f"The rows of {contract.name} with their types.",
    }


def _written(path: Path, name: str, media_type: str, content: bytes) -> dict[str, Any]:
    # Through Python rather than polars: a full disk then says that it is full.
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return {"name": name, "path": path.name, "format": path.suffix.removeprefix("."), "mediatype": media_type}


def _field(column: MartColumn) -> dict[str, Any]:
    kind = _TYPES.get(column.physical_type) or ("integer" if _WHOLE.fullmatch(column.physical_type) else "number")
    field: dict[str, Any] = {"name": column.name, "type": kind, "description": column.description}
    return field | ({"constraints": {"required": True}} if column.role == "key" else {})
