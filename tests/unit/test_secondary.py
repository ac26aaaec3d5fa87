"""What is hidden cannot be worked out of what is shown."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from registry_pipeline.release import secondary
from registry_pipeline.release.attack import Table, protected
from registry_pipeline.release.fewest import fewest
from registry_pipeline.release.mart_contracts import MartContract
from registry_pipeline.release.quantities import quantities
from registry_pipeline.release.reach import exposed
from registry_pipeline.release.secondary import also_hidden
from registry_pipeline.release.sums import Sums, sums
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
    """Return what an outsider knows of one hidden cell."""
    return -most(frame, contract, hidden, row, -1), most(frame, contract, hidden, row)


def most(frame: pl.DataFrame, contract: MartContract, hidden: np.ndarray, row: int, sign: int = 1) -> float:
    """Return how large one hidden cell can be, times `sign`, by a linear program over all hidden cells."""
    from scipy.optimize import linprog

    (quantity,) = quantities(frame, contract)
    system = sums(frame, contract).holding(quantity.value)
    matrix = np.zeros((system.n_equations, frame.height))
    np.add.at(matrix, (system.equation, system.row), system.sign)
    right = -matrix[:, ~hidden] @ quantity.value[~hidden]
    target = np.where(np.flatnonzero(hidden) == row, -float(sign), 0.0)
    result = linprog(target, A_eq=matrix[:, hidden], b_eq=right, bounds=(0, None), method="highs")
    assert result.status in {0, UNBOUNDED}
    return np.inf if result.status == UNBOUNDED else -result.fun


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
    hidden = also_hidden([(frame, contract)], primary, 10)
    assert sorted(name[row] for row in np.flatnonzero(hidden & ~primary)) == sorted(oracle["secondary"])
    assert {name[row]: list(bounds(frame, contract, hidden, row)) for row in np.flatnonzero(hidden)} == {
        cell: pytest.approx(limits) for cell, limits in oracle["attacker_bounds_final"].items()
    }
    assert {name[row]: list(bounds(frame, contract, primary, row)) for row in np.flatnonzero(primary)} == {
        cell: pytest.approx(limits) for cell, limits in oracle["attacker_bounds_primary_only"].items()
    }


def test_where_nothing_is_small_nothing_is_hidden(contract: MartContract) -> None:
    frame = with_margins(dict.fromkeys(product("ab", "xy"), 20))
    assert not also_hidden([(frame, contract)], small(frame), 10).any()


def any_registry(random: np.random.Generator) -> pl.DataFrame:
    """Return a mart of a few clinics, diagnoses and sexes, counted from people, with every margin."""
    n_people = int(random.integers(60, 400))
    kinds = {"clinic": random.integers(2, 7), "sex": random.integers(2, 4), "indication": random.integers(2, 5)}
    people = pl.DataFrame(
        {
            name: [f"{name}{n}" for n in random.choice(kind, n_people, p=random.dirichlet(np.ones(kind)))]
            for name, kind in kinds.items()
        }
    ).with_columns(overall=pl.lit("all"), none=pl.lit("all"))
    counted = [
        people.group_by(pl.col(diagnosis).alias("indication"), pl.col(level).alias("level"))
        .len("numerator")
        .select("indication", pl.lit(level).alias("dimension"), "level", pl.col("numerator").cast(pl.Int64))
        for diagnosis, level in product(("none", "indication"), ("overall", "clinic", "sex"))
    ]
    return pl.concat(counted).sort("indication", "dimension", "level")


@pytest.mark.slow
@pytest.mark.parametrize("most_rows", [secondary.MOST_ROWS_FOR_THE_FEWEST, 0])
@pytest.mark.parametrize("seed", range(100))
def test_an_attacker_who_solves_every_sum_never_learns_that_a_hidden_cell_is_small(
    contract: MartContract, monkeypatch: pytest.MonkeyPatch, seed: int, most_rows: int
) -> None:
    monkeypatch.setattr(secondary, "MOST_ROWS_FOR_THE_FEWEST", most_rows)
    frame = any_registry(np.random.default_rng(seed))
    primary = small(frame)
    hidden = also_hidden([(frame, contract)], primary, 10)
    assert (hidden | ~primary).all()
    for row in np.flatnonzero(primary):
        assert most(frame, contract, hidden, int(row)) > 11 - 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_exposed_are_exactly_the_cells_that_a_program_of_their_own_cannot_make_large(
    contract: MartContract, seed: int
) -> None:
    random = np.random.default_rng(seed)
    frame = any_registry(random)
    (quantity,) = quantities(frame, contract)
    hidden = small(frame) | (random.random(frame.height) < random.random())
    found = exposed(
        sums(frame, contract).holding(quantity.value), quantity.value, hidden, protected(quantity.value, 10)
    )
    expected = {row for row in np.flatnonzero(small(frame)) if most(frame, contract, hidden, int(row)) < 11 - 1e-6}
    assert set(np.flatnonzero(found)) == expected


@pytest.mark.parametrize("seed", range(10))
def test_the_same_mart_is_always_hidden_the_same_way(contract: MartContract, seed: int) -> None:
    frame = any_registry(np.random.default_rng(seed))
    first, second = (also_hidden([(frame, contract)], small(frame), 10) for _ in range(2))
    assert (first == second).all()


@pytest.mark.slow
def test_hiding_more_never_exposes_what_was_safe(contract: MartContract) -> None:
    random = np.random.default_rng(7)
    for _ in range(30):
        frame = any_registry(random)
        (quantity,) = quantities(frame, contract)
        system, least = sums(frame, contract).holding(quantity.value), protected(quantity.value, 10)
        fewer = small(frame) | (random.random(frame.height) < 0.3)
        more = fewer | (random.random(frame.height) < 0.3)
        was, now = (exposed(system, quantity.value, hidden, least) for hidden in (fewer, more))
        assert not (now & ~was).any()


def test_a_single_hidden_cell_is_exposed_by_its_margin(contract: MartContract) -> None:
    frame = with_margins({("a", "x"): 5, ("a", "y"): 20, ("b", "x"): 30, ("b", "y"): 40})
    (quantity,) = quantities(frame, contract)
    hidden = small(frame)
    system = sums(frame, contract).holding(quantity.value)
    found = exposed(system, quantity.value, hidden, protected(quantity.value, 10))
    assert (found == hidden).all()


def test_levels_that_do_not_add_up_give_nothing_away(contract: MartContract) -> None:
    frame = with_margins({("a", "x"): 5, ("a", "y"): 20, ("b", "x"): 30, ("b", "y"): 40})
    is_cell = (pl.col("dimension") == "clinic") & (pl.col("indication") != "all")
    frame = frame.with_columns(numerator=pl.when(is_cell).then(pl.col("numerator")).otherwise(70))
    assert (also_hidden([(frame, contract)], small(frame), 10) == small(frame)).all()


def of_two_definitions(random: np.random.Generator) -> pl.DataFrame:
    """Return the same denominators beside two numerators, with every margin, as two definitions of one mart."""
    frame = any_registry(random).rename({"numerator": "denominator"})
    whole = pl.col("indication").ne("all") & (pl.col("dimension") != "overall")
    parts = []
    for name in ("remission", "response"):
        shares = pl.Series(random.random(frame.height))
        cells = frame.with_columns(numerator=(pl.col("denominator") * shares).round().cast(pl.Int64)).filter(whole)
        parts += [sums_of(cells, levels).with_columns(definition=pl.lit(name)) for levels in product((0, 1), (0, 1))]
    columns = ["definition", "indication", "dimension", "level", "numerator", "denominator"]
    return pl.concat(part.select(columns) for part in parts)


def sums_of(cells: pl.DataFrame, levels: tuple[int, int]) -> pl.DataFrame:
    """Return cells of one dimension summed over diagnoses, over levels, over both or over neither."""
    is_one, keeps = (
        cells.filter(pl.col("dimension") == "clinic"),
        dict(zip(("indication", "level"), levels, strict=True)),
    )
    named = is_one.with_columns(
        dimension=pl.lit("clinic" if keeps["level"] else "overall"),
        **{name: pl.lit("all") for name, keep in keeps.items() if not keep},
    )
    return named.group_by("indication", "dimension", "level").agg(pl.col("numerator", "denominator").sum())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_nor_does_one_who_puts_together_all_rows_in_which_the_same_figure_stands(tmp_path: Path, seed: int) -> None:
    extra = "- {name: definition, physicalType: VARCHAR, required: true, description: The definition., role: key}\n"
    more = "- {name: denominator, physicalType: BIGINT, required: true, description: Patients., role: count}\n"
    contract = mart_contract(
        tmp_path,
        columns=extra + COLUMNS.lstrip() + more,
        rules="[]",
        grain="[definition, indication, dimension, level]",
        complements="[]",
    )
    frame = of_two_definitions(np.random.default_rng(seed)).sort(contract.grain)
    few = ((pl.col("numerator").is_between(1, 10)) | pl.col("denominator").is_between(1, 10)).alias("few")
    primary = frame.select(few)["few"].to_numpy()
    hidden = also_hidden([(frame, contract)], primary, 10)
    # A denominator is hidden where it is in both definitions.
    stratum = list(contract.grain[1:])
    both = frame.with_columns(hidden=pl.Series(hidden)).group_by(stratum).agg(pl.col("hidden").all())
    once = frame.filter(pl.col("definition") == "response").join(both, on=stratum).sort(stratum)
    alone = once.select("indication", "dimension", "level", numerator="denominator")
    simple = mart_contract(
        tmp_path / "one", columns=COLUMNS, rules="[]", grain="[indication, dimension, level]", complements="[]"
    )
    for row in np.flatnonzero(alone["numerator"].is_between(1, 10).to_numpy()):
        assert most(alone, simple, once["hidden"].to_numpy(), int(row)) > 11 - 1e-6


def test_a_hidden_figure_that_is_nothing_and_alone_in_its_sum_is_left_to_others() -> None:
    one, two = np.zeros(1, dtype=np.int64), np.arange(2)
    equations = Sums(np.repeat(one, 2), two, np.array([1.0, -1.0]), 1)
    every = Table(2, two, two, two, np.zeros(2, dtype=np.int64), equations, np.array([0.0, 0.0]), np.array([1.0, 0.0]))
    hidden = np.array([True, False])
    assert (fewest(every, hidden, np.array([True, False])) == hidden).all()
