"""The release gate takes what the marts of contrasts make, before small cells are hidden and after."""

from typing import Any

import polars as pl
import pytest

from registry_pipeline.release.disclosure import assert_nothing_small, suppress
from registry_pipeline.release.mart_contracts import load_mart_contracts
from registry_pipeline.settings import Settings
from tests.models.test_clinic_standardised import CASE_MIX, stratum
from tests.models.test_contrasts import frequency, rate
from tests.models.test_dose_response import LEVELS
from tests.release_support import check_mart
from tests.warehouse_harness import Warehouse

PAIRS = [(0, 0), (0, 40), (3, 40), (20, 40), (40, 40), (25, 60), (2, 2)]


def _rates(dimension: str, levels: list[str]) -> list[dict[str, Any]]:
    return [
        rate(
            level,
            x,
            n,
            dimension=dimension,
            indication=f"i{case}",
            n_eligible=n,
            n_observed=n,
            ci_low=0,
            ci_high=1,
            ci_method="wilson",
        )
        for case, start in enumerate(PAIRS)
        for level, (x, n) in zip(levels, [start, *PAIRS], strict=False)
    ]


def _frequencies() -> list[dict[str, Any]]:
    return [
        frequency(level, basis, x, n, ae_term=f"t{case}", n_patients=n, ci_low=0, ci_high=1)
        for case, start in enumerate(PAIRS)
        for basis in ("session", "patient", "patient_month")
        for level, (x, n) in zip(["iv", "im", "oral", "intranasal"], [start, *PAIRS], strict=False)
    ]


def _case_mix() -> list[dict[str, Any]]:
    return [
        stratum(f"C{clinic:03}", name, min(clinic * 6, size), size)
        for clinic in range(8)
        for name, size in (("a", 40), ("b", 5 * clinic))
    ]


MARTS = {
    "response_contrasts": {"marts.response_rates": _rates("route", ["iv", "im", "oral", "intranasal"])},
    "dose_response": {"marts.response_rates": _rates("cumulative_dose_band", LEVELS)},
    "adverse_event_contrasts": {"marts.adverse_event_frequencies": _frequencies()},
    "clinic_standardised": {
        CASE_MIX: _case_mix(),
        "intermediate.int_consented_patient": [{"patient_no": number} for number in range(600)],
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("mart", sorted(MARTS))
def test_the_gate_takes_the_mart_before_and_after_suppression(warehouse: Warehouse, mart: str) -> None:
    contract = load_mart_contracts(Settings())[mart]
    rows = warehouse(MARTS[mart], f"marts.{mart}")(f"select * from marts.{mart}")
    frame = pl.DataFrame(rows, infer_schema_length=None)
    released = suppress(frame, contract, 10)
    assert_nothing_small(released, contract, 10)
    assert 0 < released["is_suppressed"].sum() < released.height
    for judged in (frame, released):
        assert [finding for finding in check_mart(judged, contract) if finding.severity == "reject"] == []
