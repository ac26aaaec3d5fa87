"""What is hidden cannot be worked out of what is shown."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from registry_pipeline.release.attack import exposed, quantities, sums
from registry_pipeline.release.mart_contracts import MartContract
from registry_pipeline.release.secondary import also_hidden, protected
from tests.release_support import mart_contract

COLUMNS = """
- {name: indication, physicalType: VARCHAR, required: true, description: The diagnosis., role: key}
- {name: dimension, physicalType: VARCHAR, required: true, description: The dimension., role: key}
- {name: level, physicalType: VARCHAR, required: true, description: The level., role: key}
- {name: numerator, physicalType: BIGINT, required: true, description: Patients who respond., role: count}
- {name: is_suppressed, physicalType: BOOLEAN, required: true, description: Whether hidden., role: flag}
- {name: suppression_reason, physicalType: VARCHAR, description: Why hidden., role: flag}
"""

UNBOUNDED = 3
"""What scipy calls a program without a bound."""


@pytest.fixture
def contract(tmp_path: Path) -> MartContract:
    return mart_contract(
        tmp_path, columns=COLUMNS, rules="[]", grain="[indication, dimension, level]", complements="[]"
    )


def with_margins(cells: dict[tuple[str, str], int]) -> pl.DataFrame:
    """Return a mart of cells by (level of a dimension, diagnosis) with every margin."""
    levels, diagnoses = (sorted({key[part] for key in cells}) for part in (0, 1))
    rows = [("all", "overall", "all", sum(cells.values()))]
    rows += [("all", "clinic", level, sum(cells[level, name] for name in diagnoses)) for level in levels]
    rows += [(name, "overall", "all", sum(cells[level, name] for level in levels)) for name in diagnoses]
    rows += [(name, "clinic", level, cells[level, name]) for level, name in product(levels, diagnoses)]
    return pl.DataFrame(rows, schema=["indication", "dimension", "level", "numerator"], orient="row")


def bounds(frame: pl.DataFrame, contract: MartContract, hidden: np.ndarray, row: int) -> tuple[float, float]:
    """Return what an outsider knows of one hidden cell, by two linear programs over the hidden cells."""
    from scipy.optimize import linprog

    (quantity,) = quantities(frame, contract)
    system = sums(frame, contract).holding(quantity.value)
    matrix = np.zeros((system.n_equations, frame.height))
    np.add.at(matrix, (system.equation, system.row), system.sign)
    known = ~hidden
    right = -matrix[:, known] @ quantity.value[known]
    places = np.flatnonzero(hidden)
    target = np.where(places == row, 1.0, 0.0)
    low, high = (
        linprog(sign * target, A_eq=matrix[:, hidden], b_eq=right, bounds=(0, None), method="highs") for sign in (1, -1)
    )
    assert low.status == 0
    assert high.status in {0, UNBOUNDED}
    return low.fun, np.inf if high.status == UNBOUNDED else -high.fun


def small(frame: pl.DataFrame) -> np.ndarray:
    value = frame["numerator"].to_numpy()
    return (value > 0) & (value <= 10)


@pytest.fixture(scope="module")
def oracle(shared: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared / "oracles" / "disclosure_expected.json").read_text(encoding="utf-8"))
    return found


def test_the_worked_table_hides_the_fewest_and_smallest_cells(oracle: dict[str, Any], contract: MartContract) -> None:
    cells = {(clinic, grade): n for clinic, row in oracle["table"].items() for grade, n in row.items()}
    frame = with_margins(cells)
    name = (frame["level"] + "/" + frame["indication"]).to_list()
    primary = small(frame)
    assert [name[row] for row in np.flatnonzero(primary)] == oracle["primary"]
    hidden = also_hidden(frame, contract, primary, 10)
    assert sorted(name[row] for row in np.flatnonzero(hidden & ~primary)) == sorted(oracle["secondary"])
    assert {name[row]: list(bounds(frame, contract, hidden, row)) for row in np.flatnonzero(hidden)} == {
        cell: pytest.approx(limits) for cell, limits in oracle["attacker_bounds_final"].items()
    }
    assert {name[row]: list(bounds(frame, contract, primary, row)) for row in np.flatnonzero(primary)} == {
        cell: pytest.approx(limits) for cell, limits in oracle["attacker_bounds_primary_only"].items()
    }


def test_where_nothing_is_small_nothing_is_hidden(contract: MartContract) -> None:
    frame = with_margins(dict.fromkeys(product("ab", "xy"), 20))
    assert not also_hidden(frame, contract, small(frame), 10).any()


@pytest.mark.parametrize("seed", range(100))
def test_an_attacker_who_solves_every_sum_never_learns_that_a_hidden_cell_is_small(
    contract: MartContract, seed: int
) -> None:
    random = np.random.default_rng(seed)
    keys = list(
        product((f"C{n}" for n in range(random.integers(2, 7))), (f"d{n}" for n in range(random.integers(2, 5))))
    )
    counts = random.negative_binomial(1, 0.03, len(keys))
    frame = with_margins({key: int(n) for key, n in zip(keys, counts, strict=True)})
    primary = small(frame)
    hidden = also_hidden(frame, contract, primary, 10)
    assert (hidden | ~primary).all()
    for row in np.flatnonzero(primary):
        assert bounds(frame, contract, hidden, int(row))[1] > 10


def test_a_single_hidden_cell_is_exposed_by_its_margin(contract: MartContract) -> None:
    frame = with_margins({("a", "x"): 5, ("a", "y"): 20, ("b", "x"): 30, ("b", "y"): 40})
    (quantity,) = quantities(frame, contract)
    hidden = small(frame)
    found = exposed(sums(frame, contract), quantity.value, hidden, protected(quantity.value, 10))
    assert (found == hidden).all()


def test_levels_that_do_not_add_up_give_nothing_away(contract: MartContract) -> None:
    frame = with_margins({("a", "x"): 5, ("a", "y"): 20, ("b", "x"): 30, ("b", "y"): 40})
    is_cell = (pl.col("dimension") == "clinic") & (pl.col("indication") != "all")
    frame = frame.with_columns(numerator=pl.when(is_cell).then(pl.col("numerator")).otherwise(70))
    assert (also_hidden(frame, contract, small(frame), 10) == small(frame)).all()
