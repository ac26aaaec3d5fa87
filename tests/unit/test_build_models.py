"""Models are built after what they read, side by side, and a failing one stops the build."""

from collections.abc import Iterator

import duckdb
import pytest

from registry_pipeline.errors import BuildError
from registry_pipeline.progress import Silent
from registry_pipeline.warehouse.models import build_models
from registry_pipeline.warehouse.plan import Model


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 2}) as opened:
        yield opened


def model(name: str, query: str, *reads: str) -> Model:
    return Model("marts", name, "", tuple(("marts", parent) for parent in reads), (), query=query)


def tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}


@pytest.mark.parametrize("n_at_once", [1, 2, 4])
def test_a_model_is_built_after_what_it_reads_in_whatever_order_they_come(
    connection: duckdb.DuckDBPyConnection, n_at_once: int
) -> None:
    leaves = [model(f"leaf_{n}", f"select sum(x) as x from marts.branch_{n % 3}", f"branch_{n % 3}") for n in range(9)]
    branches = [model(f"branch_{n}", f"select x + {n} as x from marts.root", "root") for n in range(3)]
    root = model("root", "select range as x from range(1000)")
    build_models(connection, [*leaves, *branches, root], Silent(), n_at_once)
    sums = connection.execute("select x from marts.leaf_7").fetchall()
    assert (len(tables(connection)), sums) == (13, [(500_500,)])


@pytest.mark.parametrize("n_at_once", [1, 2])
def test_where_a_model_fails_nothing_that_waits_is_begun(connection: duckdb.DuckDBPyConnection, n_at_once: int) -> None:
    broken = model("broken", "select error('secret')")
    waiting = [model(f"leaf_{n}", "select 1 as x", *(["broken"] if n % 2 else [])) for n in range(40)]
    with pytest.raises(BuildError, match=r"The model marts\.broken fails with") as caught:
        build_models(connection, [broken, *waiting], Silent(), n_at_once)
    assert "secret" not in str(caught.value)
    assert not any(int(name.removeprefix("leaf_")) % 2 for name in tables(connection))
