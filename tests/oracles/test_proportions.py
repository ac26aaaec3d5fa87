"""Intervals of proportions against R and Python: the Wilson macro and the Clopper-Pearson lookup table."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.warehouse_harness import Project, Warehouse, expand

Wilson = Callable[[int, int], tuple[float | None, float | None]]


def _rows(shared: Path) -> list[dict[str, str]]:
    with (shared / "oracles" / "proportion_ci.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def wilson(project: Project) -> Wilson:
    """Return the macro as a function; to expand it takes longer than to compute it."""
    sql = expand("select @wilson_low(p.x, p.n) as low, @wilson_high(p.x, p.n) as high from p")

    def interval(numerator: int, denominator: int) -> tuple[float | None, float | None]:
        (row,) = project.query(f"with p(x, n) as (values ({numerator}, {denominator})) {sql}")
        return row["low"], row["high"]

    return interval


@pytest.mark.slow
def test_the_wilson_macro_is_the_oracles_to_1e_9(wilson: Wilson, shared: Path) -> None:
    rows = _rows(shared)
    assert rows
    for row in rows:
        expected = (float(row["wilson_lo"]), float(row["wilson_hi"]))
        assert wilson(int(row["x"]), int(row["n"])) == pytest.approx(expected, abs=1e-9)


@pytest.mark.slow
def test_the_wilson_macro_has_no_interval_for_nobody(wilson: Wilson) -> None:
    assert wilson(0, 0) == (None, None)


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 30), (30, 30), (3, 47)])
@pytest.mark.slow
def test_the_wilson_interval_is_symmetric_in_success_and_failure(
    wilson: Wilson, numerator: int, denominator: int
) -> None:
    low, _ = wilson(numerator, denominator)
    _, high = wilson(denominator - numerator, denominator)
    assert low is not None
    assert high is not None
    assert low == pytest.approx(1 - high, abs=1e-12)


def test_the_clopper_pearson_table_is_the_oracles_to_1e_9(warehouse: Warehouse, shared: Path) -> None:
    query = warehouse({}, "reference.clopper_pearson")
    table = {(row["numerator"], row["denominator"]): row for row in query("select * from reference.clopper_pearson")}
    compared = 0
    for row in _rows(shared):
        if int(row["n"]) < 20:
            found = table[int(row["x"]), int(row["n"])]
            assert found["ci_low"] == pytest.approx(float(row["cp_lo"]), abs=1e-9)
            assert found["ci_high"] == pytest.approx(float(row["cp_hi"]), abs=1e-9)
            compared += 1
    assert compared
    assert len(table) == sum(n + 1 for n in range(1, 20))
