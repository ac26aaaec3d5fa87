"""Figures pooled over clinics say nothing that the shown figures do not."""

from functools import partial

import polars as pl
import pytest

from registry_pipeline.errors import GateRefusedError
from registry_pipeline.release.disclosure import in_order, suppress, withhold
from registry_pipeline.release.mart_contracts import MartContract, load_mart_contracts
from registry_pipeline.release.pooled import OTHERS, as_shown, assert_pooled_of_shown, pool_anew
from registry_pipeline.settings import Settings
from registry_pipeline.statistics.clinics import RESPONSE_KEYS, funnel_rows, variation_rows
from registry_pipeline.warehouse.models import build_mart

SMALL_CELL = 10
QUESTION = dict(zip(RESPONSE_KEYS, ("all", "phq9", "wk4", "response", "nri"), strict=True))
BUILD = partial(build_mart, settings=Settings())
Frames = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def contracts() -> dict[str, MartContract]:
    known = load_mart_contracts(Settings())
    return {name: known[name] for name in ("response_rates", "clinic_variation", "clinic_funnel")}


def filled(rows: list[dict[str, object]], contract: MartContract) -> pl.DataFrame:
    """Return rows with every column of the contract; what is not given is empty."""
    types = {"BIGINT": pl.Int64, "INTEGER": pl.Int32, "DOUBLE": pl.Float64, "BOOLEAN": pl.Boolean, "VARCHAR": pl.String}
    schema = {column.name: types[column.physical_type] for column in contract.columns}
    frame = pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)
    return frame.fill_nan(None).with_columns(is_suppressed=pl.col("is_suppressed").fill_null(value=False))


def built(contracts: dict[str, MartContract], *counts: tuple[int, int]) -> Frames:
    """Return the marts as built, of clinics with so many responders of so many patients."""
    clinics = [
        {**QUESTION, "dimension": "clinic", "level": f"C{place:03}", "numerator": x, "denominator": n}
        for place, (x, n) in enumerate(counts, start=1)
    ]
    total = {"numerator": sum(x for x, _ in counts), "denominator": sum(n for _, n in counts)}
    rates = filled(
        [*clinics, {**QUESTION, "dimension": "overall", "level": "all", **total}], contracts["response_rates"]
    )
    of_clinics = rates.filter(dimension="clinic").to_pandas()
    marts = {"clinic_variation": variation_rows, "clinic_funnel": funnel_rows}
    return {"response_rates": rates} | {
        name: filled(rows(of_clinics, RESPONSE_KEYS).to_dict("records"), contracts[name])
        for name, rows in marts.items()
    }


def shown(contracts: dict[str, MartContract], *counts: tuple[int, int]) -> Frames:
    """Return what a release shows of such clinics."""
    withheld, _ = withhold(built(contracts, *counts), contracts, SMALL_CELL)
    return withheld | pool_anew(withheld, contracts, BUILD)


def test_where_all_clinics_are_shown_the_figures_are_those_of_the_build(contracts: dict[str, MartContract]) -> None:
    counts = [(20, 40), (15, 50), (30, 60), (60, 80)]
    frames = shown(contracts, *counts)
    for name, frame in built(contracts, *counts).items():
        assert frames[name].equals(in_order(frame, contracts[name]))


def test_how_hidden_clinics_share_their_patients_changes_no_public_figure(contracts: dict[str, MartContract]) -> None:
    open_ones = [(20, 40), (15, 50), (30, 60), (60, 80)]
    first, second = (shown(contracts, *open_ones, *hidden) for hidden in ([(8, 30), (9, 35)], [(3, 41), (14, 24)]))
    assert first["response_rates"]["is_suppressed"].sum() == 2
    for name, frame in first.items():
        assert frame.equals(second[name]), name
    assert not first["clinic_variation"]["is_suppressed"].any()


def test_hidden_clinics_are_one_that_has_what_the_others_leave(contracts: dict[str, MartContract]) -> None:
    frames = shown(contracts, (20, 40), (15, 50), (30, 60), (8, 30), (9, 35))
    rows = as_shown(frames["response_rates"], contracts["response_rates"])
    (others,) = rows.filter(level=OTHERS).to_dicts()
    assert (others["numerator"], others["denominator"], rows.height) == (17, 65, 4)
    (pooled,) = frames["clinic_variation"].to_dicts()
    assert (pooled["numerator"], pooled["denominator"], pooled["n_clinics"]) == (82, 215, 4)
    funnel = frames["clinic_funnel"]
    assert funnel.filter(~pl.col("is_suppressed"))["level"].to_list() == ["C001", "C002", "C003"]


def test_where_the_total_is_hidden_nothing_is_pooled(contracts: dict[str, MartContract]) -> None:
    frames = built(contracts, (20, 40), (15, 50), (30, 60))
    is_total = (pl.col("dimension") == "overall").alias("is_suppressed")
    hidden = {name: suppress(frame, contracts[name], SMALL_CELL) for name, frame in frames.items()}
    hidden["response_rates"] = suppress(
        frames["response_rates"].with_columns(is_total), contracts["response_rates"], SMALL_CELL
    )
    assert as_shown(hidden["response_rates"], contracts["response_rates"]).is_empty()
    for frame in pool_anew(hidden, contracts, BUILD).values():
        assert frame["is_suppressed"].all()
        assert frame["numerator"].is_null().all()


def test_clinics_and_a_total_of_different_times_are_not_pooled(contracts: dict[str, MartContract]) -> None:
    rates = built(contracts, (20, 40), (15, 50), (30, 60))["response_rates"]
    older_total = pl.when(pl.col("dimension") == "overall").then(pl.lit(140)).otherwise("denominator")
    assert as_shown(rates.with_columns(denominator=older_total), contracts["response_rates"]).is_empty()


def test_a_mart_pooled_from_hidden_counts_blocks_the_release(contracts: dict[str, MartContract]) -> None:
    counts = [(20, 40), (15, 50), (30, 60), (8, 30), (9, 35)]
    honest = shown(contracts, *counts)
    assert_pooled_of_shown(honest, contracts, BUILD)
    knowing = built(contracts, *counts)["clinic_variation"]
    with pytest.raises(GateRefusedError, match="clinic_variation is pooled from more than what is shown"):
        assert_pooled_of_shown(honest | {"clinic_variation": knowing}, contracts, BUILD)
