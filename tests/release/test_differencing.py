"""Two releases of a mart, subtracted, show no group of 1 to 10 people."""

from dataclasses import replace
from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry_pipeline.release.differencing import hold_back as hold_back_marts
from registry_pipeline.release.disclosure import assert_nothing_small, suppress, with_flags
from registry_pipeline.release.mart_contracts import MartContract
from registry_pipeline.release.quantities import quantities
from registry_pipeline.release.sums import sums
from tests.properties import examples
from tests.release_support import mart_contract, mart_frame

SMALL_CELL = 10
COUNTS = ["numerator", "denominator"]
UNBOUNDED = 3
"""What scipy calls a program without a bound."""

TABLE = """
- {name: indication, physicalType: VARCHAR, required: true, description: The diagnosis., role: key}
- {name: dimension, physicalType: VARCHAR, required: true, description: The dimension., role: key}
- {name: level, physicalType: VARCHAR, required: true, description: The level., role: key}
- {name: numerator, physicalType: BIGINT, required: true, description: Patients who respond., role: count}
- {name: denominator, physicalType: BIGINT, required: true, description: Patients at risk., role: count}
- {name: is_suppressed, physicalType: BOOLEAN, required: true, description: Whether hidden., role: flag}
- {name: suppression_reason, physicalType: VARCHAR, description: Why hidden., role: flag}
"""


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> MartContract:
    return mart_contract(tmp_path_factory.mktemp("rows"))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> MartContract:
    folder = tmp_path_factory.mktemp("table")
    return mart_contract(folder, columns=TABLE, rules="[]", grain="[indication, dimension, level]")


def mart(contract: MartContract, *cells: tuple[str, int | None, int | None]) -> pl.DataFrame:
    return suppress(mart_frame(*cells), contract, SMALL_CELL)


def hold_back(
    new: pl.DataFrame,
    previous: pl.DataFrame | None,
    others: list[pl.DataFrame],
    contract: MartContract,
    small_cell: int,
) -> tuple[pl.DataFrame, int]:
    """Hold one mart back, against the current release and others."""
    name = contract.name
    current = [] if previous is None else [{name: previous}]
    kept = [*current, *({name: frame} for frame in others)]
    shown, n_repeated = hold_back_marts({name: new}, {name: new}, kept, {name: contract}, small_cell)
    return shown[name], n_repeated[name]


def published(contract: MartContract, before: tuple[int, int], after: tuple[int, int]) -> tuple[int, int, str | None]:
    """Return what the second of two releases shows of a cell of (responders, patients), and the reason beside it."""
    old, new = (mart(contract, ("all", *counts)) for counts in (before, after))
    row = hold_back(new, old, [], contract, SMALL_CELL)[0].row(0, named=True)
    return row["numerator"], row["denominator"], row["suppression_reason"]


@pytest.mark.parametrize(
    ("after", "shown"),
    [
        ((121, 215), (120, 214, "repeated")),  # one patient came
        ((131, 230), (120, 214, "repeated")),  # the complement rose by five
        ((132, 240), (132, 240, None)),
        ((120, 214), (120, 214, None)),
        ((109, 203), (109, 203, None)),  # eleven left, all of them responders
        ((110, 204), (120, 214, "repeated")),
    ],
)
def test_a_cell_is_shown_anew_only_where_every_count_and_complement_changed_by_none_or_by_eleven(
    contract, after, shown
):
    assert published(contract, (120, 214), after) == shown


def test_a_repeated_row_shows_every_number_of_the_release_before(contract):
    old, new = mart(contract, ("all", 120, 214), ("C1", 60, 100)), mart(contract, ("all", 121, 215), ("C1", 60, 100))
    shown, n_repeated = hold_back(new, old, [], contract, SMALL_CELL)
    reason = pl.when(pl.col("level") == "all").then(pl.lit("repeated"))
    assert n_repeated == 1
    assert shown.equals(old.with_columns(suppression_reason=reason))
    assert_nothing_small(shown, contract, SMALL_CELL)


def test_every_kept_release_counts_and_not_only_the_one_before(contract):
    kept = [mart(contract, ("all", 120, 214)), mart(contract, ("all", 140, 260))]
    new = mart(contract, ("all", 121, 215))
    shown, n_repeated = hold_back(new, kept[1], kept[:1], contract, SMALL_CELL)
    assert (n_repeated, shown["numerator"].item(), shown["denominator"].item()) == (1, 140, 260)
    assert hold_back(new, kept[1], [], contract, SMALL_CELL) == (new, 0)


def test_changes_add_up_over_nights_until_they_may_be_shown(contract):
    first = mart(contract, ("all", 100, 200))
    kept: list[pl.DataFrame] = [first]
    seen = []
    for night in range(1, 9):
        new = mart(contract, ("all", 100 + 2 * night, 200 + 4 * night))
        kept.insert(0, hold_back(new, kept[0], kept[1:], contract, SMALL_CELL)[0])
        seen.append(kept[0]["numerator"].item())
    assert seen == [100, 100, 100, 100, 100, 112, 112, 112]


@pytest.mark.parametrize("before", [("all", 3, 214), ("C9", 120, 214)], ids=["hidden", "absent"])
def test_a_row_that_the_release_before_does_not_show_is_hidden_where_an_older_one_would_tell(contract, before):
    older, new = mart(contract, ("all", 120, 214)), mart(contract, ("all", 121, 215))
    shown, n_repeated = hold_back(new, mart(contract, before), [older], contract, SMALL_CELL)
    row = shown.row(0, named=True)
    assert n_repeated == 1
    assert (row["is_suppressed"], row["suppression_reason"]) == (True, "differencing")
    assert {row[name] for name in contract.with_role("count", "measure")} == {None}
    assert_nothing_small(shown, contract, SMALL_CELL)


@pytest.mark.parametrize("before", [None, ("C9", 120, 214), ("all", 3, 214)], ids=["none", "absent", "hidden"])
def test_a_row_that_no_kept_release_shows_is_shown(contract, before):
    new = mart(contract, ("all", 121, 215))
    previous = None if before is None else mart(contract, before)
    assert hold_back(new, previous, [], contract, SMALL_CELL) == (new, 0)


def test_a_row_that_is_hidden_now_or_is_gone_needs_nothing(contract):
    new = mart(contract, ("all", 3, 215))
    old = mart(contract, ("all", 120, 214), ("C1", 50, 90))
    assert hold_back(new, old, [], contract, SMALL_CELL) == (new, 0)


def test_a_threshold_of_0_repeats_nothing(contract):
    new = mart(contract, ("all", 121, 215))
    assert hold_back(new, mart(contract, ("all", 120, 214)), [], contract, 0) == (new, 0)


def test_an_empty_mart_stays_empty(contract):
    empty = mart(contract, ("all", 120, 214)).clear()
    assert hold_back(empty, mart(contract, ("all", 120, 214)), [], contract, SMALL_CELL)[0].is_empty()


counts = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: (pair[0], sum(pair)))
nights = st.lists(st.lists(counts, min_size=4, max_size=4), min_size=1, max_size=5)


def publish(contract: MartContract, truths: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """Return what was published of each night's mart, each held back against all before it."""
    kept: list[pl.DataFrame] = []
    for truth in truths:
        kept.append(hold_back(truth, kept[-1] if kept else None, kept[:-1], contract, SMALL_CELL)[0])
    return kept


def told(new: pl.DataFrame, old: pl.DataFrame, contract: MartContract) -> list[str]:
    """Return the quantities of which two published marts, row by row, show a change of 1 to 10."""
    both = ~(new["is_suppressed"] | old["is_suppressed"]).to_numpy()
    pairs = zip(quantities(new, contract), quantities(old, contract), strict=True)
    sizes = {now.name: np.abs(now.value - before.value)[both] for now, before in pairs}
    return [name for name, size in sizes.items() if ((size > 0) & (size <= SMALL_CELL)).any()]


@pytest.mark.slow
@given(nights)
@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_two_releases_show_a_change_of_1_to_10_in_a_cell(contract, rows):
    truths = [mart(contract, *((f"C{n}", *pair) for n, pair in enumerate(night))) for night in rows]
    releases = publish(contract, truths)
    for release in releases:
        assert_nothing_small(release, contract, SMALL_CELL)
    assert [told(new, old, contract) for new in releases for old in releases] == [[]] * len(releases) ** 2


@given(nights)
@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_row_is_the_new_one_or_the_one_before_or_hidden_and_the_same_data_change_nothing(contract, rows):
    truths = [mart(contract, *((f"C{n}", *pair) for n, pair in enumerate(night))) for night in rows]
    releases = publish(contract, truths)
    new, shown = truths[-1], releases[-1]
    previous = releases[-2] if len(releases) > 1 else new
    for row in shown.iter_rows(named=True):
        own = pl.col("level") == row["level"]
        source = {"repeated": previous, "differencing": None}.get(row["suppression_reason"], new)
        same = [None] * 5 if source is None else source.filter(own).select(*COUNTS, "rate", "ci_low", "ci_high").row(0)
        assert [row[name] for name in (*COUNTS, "rate", "ci_low", "ci_high")] == list(same)
    again, _ = hold_back(new, shown, releases[:-1], contract, SMALL_CELL)
    assert again.equals(shown)
    assert hold_back(new, new, [], contract, SMALL_CELL) == (new, 0)


def with_margins(cells: dict[tuple[str, str, str], tuple[int, int]]) -> pl.DataFrame:
    """Return a mart of (responders, patients) by (diagnosis, clinic, route), with both dimensions and every margin."""
    frame = pl.DataFrame(
        [(*key, *pair) for key, pair in cells.items()], schema=["indication", "clinic", "route", *COUNTS], orient="row"
    )
    frame = pl.concat([frame, frame.with_columns(indication=pl.lit("all"))])
    parts = [
        frame.group_by("indication", level=level).agg(pl.col(COUNTS).sum()).with_columns(dimension=pl.lit(name))
        for name, level in (("overall", pl.lit("all")), ("clinic", pl.col("clinic")), ("route", pl.col("route")))
    ]
    found = pl.concat(part.select("indication", "dimension", "level", *COUNTS) for part in parts)
    return with_flags(found).sort("indication", "dimension", "level")


def random_registries(
    seed: int, n_nights: int, *, only_grows: bool = False, least: int = 60, most: int = 90
) -> list[pl.DataFrame]:
    """Return the marts of a registry over some nights; by default every cell is large, so nothing is ever hidden."""
    random = np.random.default_rng(seed)
    sizes = random.integers(2, 5, 3)
    keys = list(product(*([f"{letter}{n}" for n in range(size)] for letter, size in zip("dcr", sizes, strict=True))))
    now = random.integers(least, most, (len(keys), 2))
    marts = []
    for _ in range(n_nights):
        both = {key: (int(few), int(few + rest)) for key, (few, rest) in zip(keys, now, strict=True)}
        marts.append(with_margins(both))
        step = random.choice([0, 0, 0, 1, 2, 5, 11, 14], now.shape)
        now = now + (step if only_grows else step * random.choice([1, 1, 1, -1], now.shape))
    return marts


def largest(change: np.ndarray, free: np.ndarray, unknown: np.ndarray, matrix: np.ndarray, row: int) -> float:
    """Return by how much a row may have changed, for all that an outsider can solve who knows which way each did.

    Of the rows in `free` nothing is known, but that they are no less than nothing.
    """
    from scipy.optimize import linprog

    sign = np.where(free, 1.0, np.sign(change))[unknown]
    found = linprog(
        -(np.flatnonzero(unknown) == row).astype(float),
        A_eq=matrix[:, unknown] * sign,
        b_eq=matrix[:, unknown] @ change[unknown],
        bounds=[(0, None if way else 0) for way in sign],
        method="highs",
    )
    assert found.status in {0, UNBOUNDED}
    return np.inf if found.status == UNBOUNDED else -found.fun


def assert_nothing_told(truth: pl.DataFrame, shown: pl.DataFrame, old: pl.DataFrame, contract: MartContract) -> None:
    """Attack: what the new release shows anew, with every sum, against what an old one shows."""
    reason = shown["suppression_reason"].fill_null("none").to_numpy()
    never = (old["is_suppressed"] | (shown["suppression_reason"] == "small_cell").fill_null(value=False)).to_numpy()
    for now, before in zip(quantities(truth, contract), quantities(old, contract), strict=True):
        system = sums(truth, contract).holding(now.value)
        matrix = np.zeros((system.n_equations, truth.height))
        np.add.at(matrix, (system.equation, system.row), system.sign)
        change = np.where(never, now.value, now.value - before.value)
        for row in np.flatnonzero((change != 0) & (np.abs(change) <= SMALL_CELL) & ~never):
            assert reason[row] in {"repeated", "differencing"}, f"{now.name} of row {row} is shown anew"
            found = largest(change, never, reason != "none", matrix, int(row))
            assert found > SMALL_CELL + 1 - 1e-5, f"{now.name} of row {row} is told"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100))
def test_whoever_subtracts_two_releases_and_solves_every_sum_finds_no_change_of_1_to_10(table, seed):
    old, new = random_registries(seed, 2)
    shown, n_repeated = hold_back(new, old, [], table, SMALL_CELL)
    assert n_repeated == shown["suppression_reason"].drop_nulls().len()
    assert_nothing_told(new, shown, old, table)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(15))
def test_over_many_nights_of_a_growing_registry_no_release_tells_a_change_since_any_other(table, seed):
    truths = random_registries(seed, 5, only_grows=True)
    releases = publish(table, truths)
    for night, (truth, shown) in enumerate(zip(truths, releases, strict=True)):
        for old in releases[:night]:
            assert_nothing_told(truth, shown, old, table)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_neither_is_a_change_told_where_small_cells_are_hidden_as_well(table, seed):
    truths = random_registries(seed, 3, only_grows=True, least=0, most=40)
    releases = publish(table, [suppress(truth, table, SMALL_CELL) for truth in truths])
    assert_nothing_told(truths[-1], releases[-1], releases[0], table)
    assert_nothing_told(truths[-1], releases[-1], releases[1], table)


def test_a_registry_that_grows_much_is_shown_anew(table):
    old, new = (with_margins(dict.fromkeys(product("ab", "cd", "ef"), counts)) for counts in ((40, 80), (60, 120)))
    assert hold_back(new, old, [], table, SMALL_CELL) == (new, 0)


def test_one_cell_is_not_repeated_alone_where_its_margin_would_tell(table):
    cells = dict.fromkeys(product("ab", "cd", "ef"), (40, 80))
    old = with_margins(cells)
    new = with_margins(dict.fromkeys(cells, (60, 120)) | {("a", "c", "e"): (41, 82), ("a", "c", "f"): (41, 82)})
    shown, n_repeated = hold_back(new, old, [], table, SMALL_CELL)
    grain = ["indication", "dimension", "level"]
    repeated = shown.filter(pl.col("suppression_reason") == "repeated")
    assert ("a", "clinic", "c") in repeated.select(grain).rows()
    assert ("all", "overall", "all") not in repeated.select(grain).rows()
    assert 1 < n_repeated < shown.height
    assert repeated.select(*grain, *COUNTS).equals(old.join(repeated, on=grain, how="semi").select(*grain, *COUNTS))
    assert_nothing_told(new, shown, old, table)


@pytest.mark.slow
def test_what_is_repeated_does_not_depend_on_the_order_of_rows_or_of_releases(table):
    first, second, new = random_registries(7, 3)
    shown, n_repeated = hold_back(new, second, [first], table, SMALL_CELL)
    mixed = hold_back(new, second.reverse(), [second, first.reverse(), first], table, SMALL_CELL)
    assert mixed[1] == n_repeated
    assert mixed[0].equals(shown)


def test_a_figure_that_stands_in_several_marts_is_repeated_in_all_of_them_or_in_none(table):
    cells = dict.fromkeys(product("ab", "cd", "ef"), (40, 80))
    old = with_margins(cells)
    new = with_margins(dict.fromkeys(cells, (60, 120)) | {("a", "c", "e"): (41, 82), ("a", "c", "f"): (41, 82)})
    contracts = {name: replace(table, name=name) for name in ("one", "two")}
    # In the other mart the numerators are such that other rows would be chosen to be repeated.
    other = [frame.with_columns(numerator=pl.col("denominator") - pl.col("numerator")) for frame in (old, new)]
    other[1] = other[1].with_columns(numerator=pl.col("numerator") + (pl.col("level") == "d").cast(pl.Int64) * 300)
    news = {"one": new, "two": other[1]}
    shown, _ = hold_back_marts(news, news, [{"one": old, "two": other[0]}], contracts, SMALL_CELL)
    of_one, of_two = (
        frame.filter(pl.col("suppression_reason").is_not_null()).select("indication", "dimension", "level")
        for frame in shown.values()
    )
    assert of_one.equals(of_two)
    assert of_one.height > 1


def test_only_what_changed_by_few_is_repeated_where_marts_have_nothing_in_common(contract):
    old, new = mart(contract, ("all", 120, 214)), mart(contract, ("all", 121, 215))
    contracts = {name: replace(contract, name=name) for name in ("one", "two")}
    kept = [{"one": old, "two": mart(contract, ("all", 400, 900))}]
    news = {"one": new, "two": mart(contract, ("all", 500, 1100))}
    assert hold_back_marts(news, news, kept, contracts, SMALL_CELL)[1] == {"one": 1, "two": 0}


def test_a_contrast_is_repeated_with_a_row_it_is_drawn_from(tmp_path, table):
    keys = TABLE.replace(
        "role: key}\n- {name: numerator",
        "role: key}\n- {name: reference_level, physicalType: VARCHAR, description: The other., role: key}\n- {name: numerator",
    )
    drawn = mart_contract(
        tmp_path,
        columns=keys,
        rules="[]",
        grain="[indication, dimension, level, reference_level]",
        drawn_from="response_rates",
    )
    contracts = {"response_rates": table, "contrasts": replace(drawn, name="contrasts")}
    cells = dict.fromkeys(product("ab", "cd", "ef"), (40, 80))
    truths = (
        with_margins(cells),
        with_margins(dict.fromkeys(cells, (60, 120)) | {("a", "c", "e"): (41, 82), ("a", "c", "f"): (41, 82)}),
    )
    news, olds = (
        {
            "response_rates": truth,
            "contrasts": truth.filter(pl.col("level") == "c")
            .with_columns(reference_level=pl.lit("d"))
            .select(drawn.column_names),
        }
        for truth in reversed(truths)
    )
    shown, n_repeated = hold_back_marts(news, news, [olds], contracts, SMALL_CELL)
    reasons = dict(shown["contrasts"].select("indication", "suppression_reason").iter_rows())
    of_source = shown["response_rates"].filter(
        pl.col("level").is_in(["c", "d"]) & pl.col("suppression_reason").is_not_null()
    )
    assert {name for name, reason in reasons.items() if reason} == set(of_source["indication"])
    assert n_repeated["contrasts"] == len([reason for reason in reasons.values() if reason]) >= 1
