"""Primary suppression: what must be hidden, what may be shown, and that nobody can leave a column's role open."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from registry_pipeline.errors import ContractError, GateRefusedError
from registry_pipeline.release.dictionary import mart_doc
from registry_pipeline.release.disclosure import (
    assert_nothing_exposed,
    assert_nothing_small,
    rounded,
    suppress,
    with_flags,
    withhold,
)
from registry_pipeline.release.mart_contracts import MartContract, load_mart_contracts
from registry_pipeline.settings import Settings
from tests.release_support import COLUMNS, mart_contract, mart_frame

SMALL_CELL = 10


@pytest.fixture
def contract(tmp_path: Path) -> MartContract:
    return mart_contract(tmp_path)


def is_hidden(contract: MartContract, numerator: int | None, denominator: int | None) -> bool:
    frame = suppress(mart_frame(("all", numerator, denominator)), contract, SMALL_CELL)
    return bool(frame["is_suppressed"].item())


@pytest.mark.parametrize(("numerator", "hidden"), [(0, False), (1, True), (10, True), (11, False)])
def test_a_numerator_from_1_to_10_is_hidden_and_0_and_11_are_shown(contract, numerator, hidden):
    assert is_hidden(contract, numerator, 100) is hidden


@pytest.mark.parametrize(("rest", "hidden"), [(0, False), (1, True), (10, True), (11, False)])
def test_a_complement_from_1_to_10_is_hidden_and_0_and_11_are_shown(contract, rest, hidden):
    assert is_hidden(contract, 100 - rest, 100) is hidden


@pytest.mark.parametrize(("denominator", "hidden"), [(0, False), (1, True), (10, True), (11, False)])
def test_a_denominator_from_1_to_10_is_hidden_even_when_nobody_responds(contract, denominator, hidden):
    assert is_hidden(contract, 0, denominator) is hidden


def test_an_unknown_count_is_not_a_small_one(contract):
    assert not is_hidden(contract, None, 100)


def test_a_threshold_of_0_hides_nothing(contract):
    frame = suppress(mart_frame(("all", 1, 2)), contract, 0)
    assert frame["is_suppressed"].to_list() == [False]


def test_a_hidden_row_keeps_keys_and_flags_and_loses_every_number(contract):
    row = suppress(mart_frame(("C002", 3, 64)), contract, SMALL_CELL).row(0, named=True)
    assert row == {
        "instrument": "phq9",
        "level": "C002",
        "numerator": None,
        "denominator": None,
        "rate": None,
        "ci_low": None,
        "ci_high": None,
        "ci_method": "wilson",
        "is_suppressed": True,
        "suppression_reason": "small_cell",
    }


def test_a_shown_row_is_unchanged_and_says_that_it_is_shown(contract):
    before = mart_frame(("all", 120, 214))
    after = suppress(before, contract, SMALL_CELL)
    assert after.select(before.columns).equals(before)
    assert after.row(0)[-2:] == (False, None)


def test_a_row_hidden_by_the_model_stays_hidden_with_its_own_reason(contract):
    frame = mart_frame(("all", 120, 214), ("C001", 50, 100)).with_columns(
        is_suppressed=pl.Series([True, True]), suppression_reason=pl.Series(["too_early", None], dtype=pl.String)
    )
    after = suppress(frame, contract, SMALL_CELL).sort("level")
    assert after["suppression_reason"].to_list() == ["not_stated", "too_early"]
    assert after["rate"].null_count() == 2


def test_a_fraction_of_a_patient_month_is_small(contract):
    frame = mart_frame(("all", 0, 100)).with_columns(denominator=pl.lit(0.4))
    assert suppress(frame, contract, SMALL_CELL)["is_suppressed"].item()


def test_suppression_does_not_depend_on_the_order_of_rows(contract):
    frame = mart_frame(("all", 120, 214), ("C001", 110, 150), ("C002", 10, 64))
    assert suppress(frame, contract, SMALL_CELL).equals(suppress(frame.reverse(), contract, SMALL_CELL))


def test_an_empty_mart_passes(contract):
    frame = suppress(mart_frame(("all", 120, 214)).clear(), contract, SMALL_CELL)
    assert_nothing_small(frame, contract, SMALL_CELL)


def test_a_column_that_the_contract_does_not_declare_is_refused(contract):
    frame = mart_frame(("all", 120, 214)).with_columns(n_women=pl.lit(3))
    with pytest.raises(GateRefusedError, match="undeclared n_women"):
        suppress(frame, contract, SMALL_CELL)


def test_a_numeric_column_without_a_role_cannot_be_loaded(tmp_path):
    extra = COLUMNS + "- {name: n_women, physicalType: INTEGER, description: Women.}\n"
    with pytest.raises(ContractError, match="numeric column `n_women` has no disclosure role") as caught:
        mart_contract(tmp_path, columns=extra)
    assert caught.value.line


def test_a_numeric_flag_cannot_be_loaded_because_hidden_rows_would_show_it(tmp_path):
    extra = COLUMNS + "- {name: n_women, physicalType: DOUBLE, description: Women., role: flag}\n"
    with pytest.raises(ContractError, match="`n_women` is declared a flag"):
        mart_contract(tmp_path, columns=extra)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"grain": "[instrument]"}, "grain"),
        ({"complements": "[[denominator, rate]]"}, "`rate` in complements or nested is not a count"),
        ({"complements": "[denominator, numerator]"}, "pairs"),
        ({"columns": COLUMNS.replace("DOUBLE", "BLOB")}, "`BLOB` is not a type"),
        ({"columns": COLUMNS.replace("is_suppressed", "is_hidden")}, "lacks the flag `is_suppressed`"),
        ({"rules": "- {id: x, severity: block, check: {check: range, min: 0}}"}, "severity"),
        ({"rules": "- {id: x, severity: reject, check: {check: range, min: 0}}"}, "needs a column"),
        ({"rules": "- {id: x, column: rate, severity: reject, check: {check: identifier_free}}"}, "in a mart"),
        ({"rules": "- {id: x, column: rate, severity: reject, check: {check: beautiful}}"}, "not a known check"),
        (
            {"rules": '- {id: x, severity: reject, check: {check: compare, left: rate, op: "<", right: nowhere}}'},
            "names `nowhere`",
        ),
    ],
)
def test_a_mart_contract_that_cannot_be_compiled_is_refused_with_its_file(tmp_path, parts, words):
    with pytest.raises(ContractError, match=words) as caught:
        mart_contract(tmp_path, **parts)
    assert caught.value.file


def test_the_proof_passes_what_suppression_returns(contract):
    cells = [(f"L{n}-{d}", n, d) for d in (0, 1, 10, 11, 12, 21, 22, 40) for n in range(d + 1)]
    assert_nothing_small(suppress(mart_frame(*cells), contract, SMALL_CELL), contract, SMALL_CELL)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"numerator": 3}, "count numerator"),
        ({"numerator": -20}, "count numerator"),
        ({"denominator": float("nan")}, "count denominator"),
        ({"numerator": 210}, "complement denominator - numerator"),
        ({"is_suppressed": None}, "is_suppressed not said"),
        ({"is_suppressed": True, "suppression_reason": "small_cell"}, "hidden numerator"),
        ({"is_suppressed": True}, "hidden without a reason"),
    ],
)
def test_the_proof_refuses_a_frame_that_shows_too_much_and_names_the_column(contract, change, words):
    frame = with_flags(mart_frame(("all", 120, 214))).with_columns(**{k: pl.lit(v) for k, v in change.items()})
    with pytest.raises(GateRefusedError, match=words):
        assert_nothing_small(frame, contract, SMALL_CELL)


def test_every_shipped_mart_declares_its_roles_and_hides_small_cells():
    for contract in load_mart_contracts(Settings()).values():
        values = {"VARCHAR": "x", "BOOLEAN": False}
        row = {column.name: values.get(column.physical_type, 7) for column in contract.columns}
        frame = suppress(pl.DataFrame([row]), contract, SMALL_CELL)
        assert frame["is_suppressed"].item(), contract.name
        shown = frame.select(contract.with_role("count", "measure")).row(0)
        assert set(shown) == {None}, contract.name
        assert_nothing_small(frame, contract, SMALL_CELL)


@pytest.fixture
def with_levels(tmp_path: Path) -> MartContract:
    columns = "- {name: dimension, physicalType: VARCHAR, required: true, description: What divides., role: key}\n"
    return mart_contract(
        tmp_path / "levels", columns=columns + COLUMNS.lstrip(), grain="[instrument, dimension, level]"
    )


def clinics(*cells: tuple[str, int, int]) -> pl.DataFrame:
    """Return a mart of clinics that add up to the overall row."""
    whole = ("all", sum(n for _, n, _ in cells), sum(d for _, _, d in cells))
    return mart_frame(whole, *cells).with_columns(
        dimension=pl.when(pl.col("level") == "all").then(pl.lit("overall")).otherwise(pl.lit("clinic_id"))
    )


CLINICS = clinics(("C001", 100, 140), ("C002", 5, 64), ("C003", 30, 60), ("C004", 20, 50))


def withheld(frame: pl.DataFrame, contract: MartContract) -> pl.DataFrame:
    return withhold({contract.name: frame}, {contract.name: contract}, SMALL_CELL)[0][contract.name]


def prove(built: pl.DataFrame, shown: pl.DataFrame, contract: MartContract) -> None:
    assert_nothing_exposed({contract.name: built}, {contract.name: shown}, {contract.name: contract}, SMALL_CELL)


def test_the_smallest_row_that_would_give_a_small_one_away_is_hidden_with_it(with_levels):
    found = withheld(CLINICS, with_levels)
    reasons = dict(found.select("level", "suppression_reason").iter_rows())
    assert reasons == {"all": None, "C001": None, "C002": "small_cell", "C003": None, "C004": "small_cell"}
    hidden = found.filter("is_suppressed").select(with_levels.with_role("count", "measure"))
    assert hidden.null_count().row(0) == (2,) * hidden.width
    assert_nothing_small(found, with_levels, SMALL_CELL)
    prove(CLINICS, found, with_levels)


def test_what_is_withheld_does_not_depend_on_the_order_of_rows(with_levels):
    assert withheld(CLINICS, with_levels).equals(withheld(CLINICS.reverse(), with_levels))


def test_the_proof_refuses_a_row_that_gives_a_hidden_one_away_and_says_how_many(with_levels):
    shown = suppress(CLINICS, with_levels, SMALL_CELL)
    with pytest.raises(GateRefusedError, match=r"small cells that they hide: response_rates \(1 rows\)"):
        prove(with_flags(CLINICS), shown, with_levels)


def test_a_proof_is_of_the_rows_that_were_hidden_and_of_more_and_of_no_fewer(with_levels):
    frames, contracts = {"response_rates": CLINICS}, {"response_rates": with_levels}
    found, proof = withhold(frames, contracts, SMALL_CELL)
    more = found["response_rates"].with_columns(is_suppressed=pl.lit(value=True))
    for shown in (found, {"response_rates": more}):
        assert_nothing_exposed(frames, shown, contracts, SMALL_CELL, proof)
    fewer = {"response_rates": suppress(CLINICS, with_levels, SMALL_CELL)}
    with pytest.raises(GateRefusedError, match="give away"):
        assert_nothing_exposed(frames, fewer, contracts, SMALL_CELL, proof)


def test_the_proof_refuses_a_release_that_has_other_rows_than_the_build(with_levels):
    shown = withheld(CLINICS, with_levels)
    with pytest.raises(GateRefusedError, match="same rows"):
        prove(CLINICS.head(3), shown, with_levels)


def of_instruments(**hidden: list[str]) -> pl.DataFrame:
    """Return the same denominators beside the responders of two instruments, some levels hidden in each."""
    frames = [
        CLINICS.with_columns(
            instrument=pl.lit(name),
            is_suppressed=pl.col("level").is_in(levels),
            suppression_reason=pl.when(pl.col("level").is_in(levels)).then(pl.lit("small_cell")),
        )
        for name, levels in hidden.items()
    ]
    return pl.concat(frames)


def test_a_figure_that_another_row_shows_is_not_hidden(with_levels):
    built = of_instruments(phq9=[], gad7=[])
    few = built.with_columns(denominator=pl.when(pl.col("level") == "C002").then(7).otherwise("denominator"))
    few = few.with_columns(denominator=pl.when(pl.col("level") == "all").then(257).otherwise("denominator"))
    prove(few, of_instruments(phq9=["C002", "C004"], gad7=["C002", "C004"]), with_levels)
    with pytest.raises(GateRefusedError, match="give away"):
        prove(few, of_instruments(phq9=["C002", "C003"], gad7=["C002", "C004"]), with_levels)


def test_the_same_figure_is_hidden_wherever_it_stands(with_levels):
    other = CLINICS.with_columns(
        instrument=pl.lit("gad7"),
        numerator=pl.Series([155, 100, 5, 20, 30]),  # the next smallest is another clinic
    )
    built = pl.concat([CLINICS, other])
    found = withheld(built, with_levels)
    prove(built, found, with_levels)
    of_both = found.filter("is_suppressed").group_by("instrument").agg(pl.col("level").sort())
    assert len({tuple(levels) for levels in of_both["level"]}) == 1


def test_the_same_figure_of_another_mart_is_hidden_with_it(with_levels, tmp_path):
    columns = "- {name: dimension, physicalType: VARCHAR, required: true, description: What divides., role: key}\n"
    own = mart_contract(tmp_path / "own", columns=columns + COLUMNS.lstrip(), grain="[dimension, level, instrument]")
    marts = {"one": (CLINICS, with_levels), "other": (CLINICS.with_columns(instrument=pl.lit("x")), own)}
    contracts = {name: replace(contract, name=name) for name, (_, contract) in marts.items()}
    frames = {name: frame for name, (frame, _) in marts.items()}
    found, _ = withhold(frames, contracts, SMALL_CELL)
    assert found["one"].filter("is_suppressed")["level"].to_list() == ["C002", "C004"]
    assert sorted(found["other"].filter("is_suppressed")["level"]) == ["C002", "C004"]
    elsewhere = found | {"other": with_flags(frames["other"])}
    with pytest.raises(GateRefusedError, match="give away"):
        assert_nothing_exposed(frames, elsewhere, contracts, SMALL_CELL)


@pytest.fixture
def contrast(tmp_path: Path) -> MartContract:
    keys = "".join(
        f"- {{name: {name}, physicalType: VARCHAR, required: true, description: A level., role: key}}\n"
        for name in ("dimension", "reference_level")
    )
    contract = mart_contract(
        tmp_path / "contrast",
        columns=keys + COLUMNS.lstrip(),
        grain="[instrument, dimension, level, reference_level]",
        drawn_from="response_rates",
    )
    return replace(contract, name="contrasts")


def test_a_contrast_is_shown_where_both_rows_it_is_drawn_from_are(with_levels, contrast):
    pairs = {"C001": "C003", "C003": "C004", "C004": "C001"}
    rows = CLINICS.filter(pl.col("level").is_in(list(pairs))).with_columns(
        reference_level=pl.col("level").replace_strict(pairs)
    )
    contracts = {"response_rates": with_levels, "contrasts": contrast}
    built = {"response_rates": CLINICS, "contrasts": rows}
    found, _ = withhold(built, contracts, SMALL_CELL)
    assert found["response_rates"].filter("is_suppressed")["level"].to_list() == ["C002", "C004"]
    assert found["contrasts"].filter("is_suppressed")["level"].to_list() == ["C003", "C004"]
    assert_nothing_exposed(built, found, contracts, SMALL_CELL)
    with pytest.raises(GateRefusedError, match=r"marts.contrasts shows figures that marts.response_rates hides"):
        assert_nothing_exposed(built, found | {"contrasts": with_flags(rows)}, contracts, SMALL_CELL)


NESTED = "[{key: instrument, counts: [numerator], pairs: [[phq9, gad7]]}]"


@pytest.mark.parametrize(("inner", "hidden"), [(100, False), (99, True), (90, True), (89, False), (120, True)])
def test_of_nested_rows_the_yielding_one_is_hidden_where_they_are_too_near(tmp_path, inner, hidden):
    contract = mart_contract(tmp_path / "nested", nested=NESTED)
    rows = [
        mart_frame(("all", n, 214)).with_columns(instrument=pl.lit(name))
        for name, n in (("phq9", 100), ("gad7", inner))
    ]
    found = suppress(pl.concat(rows), contract, SMALL_CELL)
    expected = {"phq9": False, "gad7": hidden and inner != 120}
    assert dict(found.select("instrument", "is_suppressed").iter_rows()) == expected
    assert_nothing_small(found, contract, SMALL_CELL)
    if hidden and inner != 120:
        with pytest.raises(GateRefusedError, match="numerator of phq9 - gad7"):
            assert_nothing_small(with_flags(pl.concat(rows)), contract, SMALL_CELL)


@pytest.mark.parametrize(
    ("nested", "words"),
    [
        ("[{key: ci_method, counts: [numerator], pairs: [[a, b]]}]", "`ci_method` in nested is not a key"),
        ("[{key: level, counts: [rate], pairs: [[a, b]]}]", "`rate` in complements or nested is not a count"),
        ("[{key: level, counts: [numerator], pairs: [[a]]}]", "pairs"),
    ],
)
def test_a_nesting_that_cannot_be_is_refused(tmp_path, nested, words):
    with pytest.raises(ContractError, match=words):
        mart_contract(tmp_path, nested=nested)


ROUNDED = COLUMNS.replace("role: count}", "role: count, rounding: 5}").replace(
    "role: measure}", "role: measure, rounding: 0.001}"
)


def test_counts_are_rounded_down_and_measures_to_the_nearest_after_small_cells_are_hidden(tmp_path):
    contract = mart_contract(tmp_path / "rounded", columns=ROUNDED)
    built = mart_frame(("few", 8, 60), ("some", 14, 60), ("none", 0, 60), ("most", 44, 60))
    shown = rounded(suppress(built, contract, SMALL_CELL), contract)
    assert shown.select("level", "numerator", "denominator", "rate").sort("level").rows() == [
        ("few", None, None, None),
        ("most", 40, 60, 0.733),
        ("none", 0, 60, 0.0),
        ("some", 10, 60, 0.233),
    ]
    assert_nothing_small(shown, contract, SMALL_CELL)


def test_the_dictionary_says_what_is_rounded(tmp_path):
    doc = mart_doc(mart_contract(tmp_path / "rounded", columns=ROUNDED))
    said = {column.name: column.description for column in doc.columns}
    assert said["numerator"] == "Patients who respond. In registry.duckdb rounded down to a multiple of 5."
    assert said["rate"] == "Share of responders. In registry.duckdb rounded to a multiple of 0.001."
    assert said["level"] == "The level."


@pytest.mark.parametrize("numerator", [5, 9])
def test_the_proof_refuses_a_count_that_was_rounded_down_from_a_small_one(tmp_path, numerator):
    contract = mart_contract(tmp_path / "rounded", columns=ROUNDED)
    with pytest.raises(GateRefusedError, match="count numerator"):
        assert_nothing_small(with_flags(mart_frame(("all", numerator // 5 * 5, 60))), contract, SMALL_CELL)
