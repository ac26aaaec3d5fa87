"""The books of a release: what was read, kept, refused, replaced and erased adds up, and little is hidden."""

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from registry_pipeline.errors import ReconciliationError
from registry_pipeline.release.meta import DELIVERIES, insert_deliveries, insert_public_deliveries
from registry_pipeline.release.quality import (
    COLUMN_COMPLETENESS,
    DATA_QUALITY,
    insert_completeness,
    insert_public_scorecard,
)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Return a new database with an empty build attached as `build`."""
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as build; create schema meta; create schema build.lake")
        connection.execute("create schema build.quality; create schema build.meta")
        yield connection


def deliveries(connection: duckdb.DuckDBPyConnection, **counts: int) -> dict[str, Any]:
    """Return the line of `meta.deliveries` of a delivery of ten records with these counts."""
    row = {
        "n_accepted": 8,
        "n_quarantined": 1,
        "n_duplicate": 1,
        "n_erased": 0,
        "n_refused": 0,
        "n_current": 8,
    } | counts
    connection.execute(
        f"""
        create table build.lake.delivery as
          select 'd1' as delivery_id, 'C001' as clinic_id, 'a.csv' as file_name, '2026-11-02T01:00:00' as received_at,
            '1.0.0' as feed_version, '1.0.0' as contract_version, 1 as delivery_order, 'partial' as status,
            10 as n_records, {row["n_accepted"]} as n_accepted, {row["n_quarantined"]} as n_quarantined,
            {row["n_duplicate"]} as n_duplicate, {row["n_erased"]} as n_erased;
        create table build.quality.delivery_adjustments as
          select 'C001' as clinic_id, 'd1' as delivery_id, {row["n_refused"]} as n_cross_table_refused,
            {row["n_current"]} as n_current
        """
    )
    insert_deliveries(connection, "build")
    return connection.execute("from meta.deliveries").pl().to_dicts()[0]


def test_erased_rows_are_counted_apart_from_superseded_ones(connection: duckdb.DuckDBPyConnection) -> None:
    row = deliveries(connection, n_erased=3, n_refused=1, n_current=4)
    assert (row["n_accepted"], row["n_quarantined"], row["n_superseded"], row["n_erased"]) == (7, 2, 1, 3)
    assert row["n_records"] == row["n_accepted"] + row["n_quarantined"] + row["n_duplicate"]


@pytest.mark.parametrize("counts", [{"n_erased": 3}, {"n_erased": 9, "n_current": 0}, {"n_accepted": 7}])
def test_counts_that_cannot_be_are_refused(connection: duckdb.DuckDBPyConnection, counts: dict[str, int]) -> None:
    with pytest.raises(ReconciliationError):
        deliveries(connection, **counts)


@pytest.mark.parametrize(
    ("counts", "is_shown"),
    [
        ({}, True),
        ({"n_quarantined": 4, "n_duplicate": 2, "n_accepted": 494}, True),
        ({"n_records": 10, "n_accepted": 9, "n_quarantined": 1}, False),
        ({"n_accepted": 10, "n_quarantined": 490}, False),
        ({"n_superseded": 3}, False),
        ({"n_erased": 1}, False),
        ({"n_records": 0, "n_accepted": 0}, True),
    ],
)
def test_the_public_deliveries_hide_the_counts_of_few_patients(
    connection: duckdb.DuckDBPyConnection, counts: dict[str, int], is_shown: bool
) -> None:
    connection.execute(DELIVERIES.ddl.replace("meta.", "build.meta."))
    row = {"n_records": 500, "n_accepted": 500, "n_quarantined": 0, "n_duplicate": 0, "n_superseded": 0, "n_erased": 0}
    row |= counts
    connection.execute(
        "insert into build.meta.deliveries values "
        f"('d1', 'C001', 'a.csv', '2026-11-02', '1.0.0', '1.0.0', 'partial', {', '.join(map(str, row.values()))})"
    )
    insert_public_deliveries(connection, "build", small_cell=10)
    (shown,) = connection.execute(f"select {', '.join(row)} from meta.deliveries").fetchall()
    assert shown == (tuple(row.values()) if is_shown else (None,) * len(row))
    assert connection.execute("select delivery_id, status from meta.deliveries").fetchall() == [("d1", "partial")]


def test_the_public_scorecard_hides_what_is_said_of_few_records_only(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(DATA_QUALITY.ddl.replace("meta.", "build.meta."))
    for denominator, numerator in ((0, 0), (1, 1), (10, 0), (11, 0), (11, 1), (20, 12), (500, 3)):
        connection.execute(
            "insert into build.meta.data_quality values ('C001', 'course', '2026-11', 'conformance', "
            "$k, $n, $k / nullif($n, 0), 0, 0.02, 'fail', 0.1, 0.0, 0.5, true, null, false)",
            {"k": numerator, "n": denominator},
        )
    insert_public_scorecard(connection, "build", small_cell=10)
    shown = connection.execute("select denominator, numerator, rate, n_warned from meta.data_quality").fetchall()
    assert shown == [
        (0, 0, None, 0),
        *[(None, None, None, None)] * 2,
        (11, 0, 0.0, 0),
        *[(None, None, None, None)] * 2,
        (500, 3, 0.006, 0),
    ]
    kept = connection.execute(
        "select distinct is_suppressed, is_drifting, status, past_rate, threshold from meta.data_quality order by all"
    ).fetchall()
    assert kept == [(False, True, "fail", 0.1, 0.02), (True, None, "fail", None, 0.02)]


def test_completeness_counts_the_empty_cells_of_each_column(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create schema staging")
    connection.execute(
        "create table staging.stg_course as select * from (values ('C001', 'a', null), ('C001', 'b', 1), "
        "('C002', 'c', null)) as t(clinic_id, course_id, payer)"
    )
    insert_completeness(connection)
    assert connection.execute(f"from {COLUMN_COMPLETENESS.address} order by all").fetchall() == [
        ("C001", "course", "course_id", 0, 2, 0.0),
        ("C001", "course", "payer", 1, 2, 0.5),
        ("C002", "course", "course_id", 0, 1, 0.0),
        ("C002", "course", "payer", 1, 1, 1.0),
    ]
