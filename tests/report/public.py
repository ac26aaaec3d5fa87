"""A public database of a release, with the rows a test gives, for the tests of the report.

What does not belong here: tests, and anything that needs clinic files or a build.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from registry_pipeline.release.databases import new_database
from registry_pipeline.release.definitions import CAVEATS, DEFINITIONS
from registry_pipeline.release.dictionary import TableDoc, mart_doc, write_dictionary
from registry_pipeline.release.mart_contracts import load_mart_contracts
from registry_pipeline.release.meta import DELIVERIES, RELEASES
from registry_pipeline.release.quality import DATA_QUALITY
from registry_pipeline.settings import Settings

RELEASE = {
    "release_id": "20260105-0123456789",
    "published_at": "2026-01-05 02:10:00",
    "inputs_fingerprint": "0" * 64,
    "contract_version": "1.2.0",
    "code_version": "0.1.0",
    "n_deliveries": 67,
    "n_clinics": 3,
    "n_patients": 500,
}
MAIN = {"indication": "all", "instrument": "phq9", "time_window": "wk4", "definition": "response", "estimand": "nri"}
OVERALL = {"dimension": "overall", "level": "all"}
HIDDEN = {"is_suppressed": True, "suppression_reason": "small_cell"}

Row = Mapping[str, Any]


def rate(numerator: int, denominator: int, **keys: Any) -> dict[str, Any]:
    """Return a shown row of a rate, its interval five points wide on either side."""
    share = numerator / denominator
    return {
        "numerator": numerator,
        "denominator": denominator,
        "rate": share,
        "ci_low": max(share - 0.05, 0.0),
        "ci_high": min(share + 0.05, 1.0),
        "is_suppressed": False,
        **keys,
    }


def response(numerator: int, denominator: int, **keys: Any) -> dict[str, Any]:
    """Return a shown row of `marts.response_rates`; the main outcome over the registry unless told otherwise."""
    counts = {"n_eligible": denominator, "n_observed": denominator - 20, "coverage": (denominator - 20) / denominator}
    return MAIN | OVERALL | rate(numerator, denominator, **counts) | keys


def hidden(**keys: Any) -> dict[str, Any]:
    """Return a hidden row of `marts.response_rates`."""
    return MAIN | OVERALL | HIDDEN | keys


def write_public(
    folder: Path,
    settings: Settings,
    marts: Mapping[str, Iterable[Row]],
    *,
    quality: Iterable[Row] = (),
    releases: Iterable[Row] = (RELEASE,),
    caveats: Iterable[Row] | None = None,
    definitions: Iterable[Row] | None = None,
) -> Path:
    """Write `registry.duckdb` with the marts given and no others; columns that a row leaves out are empty.

    Tables of caveats and definitions are made when rows of them are given.
    """
    folder.mkdir(parents=True, exist_ok=True)
    docs = [doc for name, doc in _mart_docs().items() if name in marts]
    with new_database(folder / "registry.duckdb", settings) as connection:
        connection.execute("create schema marts; create schema meta")
        for doc in docs:
            _fill(connection, doc, marts[doc.name])
        _fill(connection, RELEASES, releases)
        _fill(connection, DELIVERIES, ())
        _fill(connection, DATA_QUALITY, quality)
        for doc, rows in ((CAVEATS, caveats), (DEFINITIONS, definitions)):
            if rows is not None:
                _fill(connection, doc, rows)
        write_dictionary(connection, [*docs, RELEASES, DELIVERIES, DATA_QUALITY])
    return folder


@cache
def _mart_docs() -> dict[str, TableDoc]:
    return {name: mart_doc(contract) for name, contract in load_mart_contracts(Settings()).items()}


def _fill(connection: Any, doc: TableDoc, rows: Iterable[Row]) -> None:
    connection.execute(doc.ddl)
    known = {column.name for column in doc.columns}
    for row in rows:
        assert set(row) <= known, set(row) - known
        names = ", ".join(f'"{name}"' for name in row)
        connection.execute(
            f"insert into {doc.address} ({names}) values ({', '.join('?' * len(row))})", list(row.values())
        )
