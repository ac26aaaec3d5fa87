"""Adverse events that come again, against the oracle: from follow-up and events through the models to the mart."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from registry_pipeline.statistics.recurrent import mean_cumulative
from tests.warehouse_harness import Query, Warehouse

MART = "marts.adverse_event_recurrence"
DAILY = "intermediate.int_ae_recurrence"


def followed(last_days: dict[int, int], events: Sequence[tuple[int, int]]) -> dict[str, list[dict[str, Any]]]:
    """Return patients at risk from day 0 to their last day, with events of one term in sessions with complete forms."""
    return {
        "intermediate.int_ae_cell": [
            {
                "session_kind_no": 1,
                "cell_no": 1,
                "dimension": "overall",
                "level": "all",
                "ascertainment": "complete",
                "is_timed": True,
            }
        ],
        "intermediate.int_ae_exposure": [
            {"patient_no": patient, "cell_no": 1, "n_sessions": 9, "risk_start_day": 0, "risk_end_day": last_day}
            for patient, last_day in last_days.items()
        ],
        "intermediate.int_ae_term": [{"term_no": 1, "ae_term": "nausea"}],
        "intermediate.int_ae_occurrence": [
            {"patient_no": patient, "kind_no": 1, "term_no": 1, "n_events": 1, "first_onset_day": day}
            for patient, day in events
        ],
    }


@pytest.fixture(scope="module")
def expected(shared: Path) -> pd.DataFrame:
    return pd.read_csv(shared / "oracles" / "mcf_expected.csv")


@pytest.fixture
def built(shared: Path, warehouse: Warehouse) -> Query:
    follow_up = pd.read_csv(shared / "oracles" / "mcf_followup.csv")
    events = pd.read_csv(shared / "oracles" / "mcf_events.csv")
    last_days = dict(zip(follow_up["id"], follow_up["followup_end"], strict=True))
    pairs = [(int(row.id), int(row.day)) for row in events.itertuples()]
    return warehouse(followed({int(k): int(v) for k, v in last_days.items()}, pairs), MART)


def test_the_mean_cumulative_function_equals_the_oracle_on_every_day_with_an_event(
    built: Query, expected: pd.DataFrame
) -> None:
    daily = pd.DataFrame(built(f"select * from {DAILY} order by day")).set_index("day").reindex(range(85), fill_value=0)
    ending = pd.DataFrame(built("select * from intermediate.int_ae_follow_up")).set_index("day")["n_ending"]
    curve = mean_cumulative(
        ending.reindex(range(85), fill_value=0),
        *(daily[name] for name in ("n_events", "squared_weights", "ending_weights")),
    )
    day = expected["time"].to_numpy()
    assert list(daily["n_events"][day]) == list(expected["n_event"])
    assert list(curve.n_at_risk[day]) == list(expected["n_risk"])
    for column, name in zip(curve[1:], ("mcf", "se_robust", "lo_log", "hi_log"), strict=True):
        assert column[day] == pytest.approx(expected[name].to_numpy(), abs=1e-9), name


def test_the_mart_shows_the_oracle_every_week(built: Query, expected: pd.DataFrame) -> None:
    rows = built(f"select * from {MART} where day > 0 order by day")
    assert [row["day"] for row in rows] == list(range(7, 85, 7))
    for row in rows:
        oracle = expected[expected["time"] <= row["day"]].iloc[-1]
        found = tuple(row[name] for name in ("mean_events", "std_err", "ci_low", "ci_high"))
        assert found == pytest.approx(tuple(oracle[["mcf", "se_robust", "lo_log", "hi_log"]]), abs=1e-9)
        assert row["n_events"] == expected["n_event"][expected["time"] <= row["day"]].sum()
