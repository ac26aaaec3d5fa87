"""The registry as a whole: what the simulator plants comes out, nothing else is refused, and a second night is quiet."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from registry_pipeline.nightly import NightlyResult, run_nightly
from registry_pipeline.release.mart_contracts import load_mart_contracts
from registry_pipeline.settings import Settings
from registry_pipeline.simulate.run import simulate
from registry_pipeline.warehouse.duck import open_database

pytestmark = pytest.mark.slow

MAIN_INSTRUMENTS = ("phq9", "gad7", "nrs_avg", "bpi_interference")
SOLICITED_TERMS = ("dissociation", "dizziness", "nausea", "headache", "vomiting", "somnolence", "any")
OVERALL = "dimension = 'overall' and level = 'all'"


@dataclass
class Night:
    """A simulated home after its first night."""

    settings: Settings
    result: NightlyResult

    def rows(self, sql: str, file: str = "restricted.duckdb") -> list[tuple[Any, ...]]:
        path = self.settings.layout.current / file
        with open_database(path, read_only=True, settings=self.settings) as database:
            rows: list[tuple[Any, ...]] = database.execute(sql).fetchall()
        return rows

    @cached_property
    def truth(self) -> dict[str, Any]:
        truth: dict[str, Any] = json.loads((self.settings.layout.truth / "parameters.json").read_bytes())
        return truth


def night(folder: Path, n_patients: int, *, with_defects: bool = True) -> Night:
    settings = Settings(home=folder, settle_seconds=0)
    simulate(settings, n_clinics=8, n_patients=n_patients, seed=20261121, with_defects=with_defects)
    return Night(settings, run_nightly(settings))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Night:
    return night(tmp_path_factory.mktemp("large") / "home", 4_000)


def test_every_planted_defect_is_quarantined_at_its_line_under_its_rule_and_nothing_else_is(large: Night) -> None:
    planted = pl.read_csv(large.settings.layout.truth / "defects.csv").select("clinic_id", "file", "line", "rule_id")
    found = large.rows("select clinic_id, file_name, line, rule_id from quarantine.records")
    assert sorted(found) == sorted(planted.rows())


def test_every_delivery_is_taken_and_balanced(large: Night) -> None:
    assert large.result.problems == []
    n, n_balanced, n_refused = large.rows(
        """
        select
            count(*),
            count(*) filter (n_records = n_accepted + n_quarantined + n_duplicate),
            count(*) filter (status = 'refused')
        from meta.deliveries
        """,
        "restricted.duckdb",
    )[0]
    assert n == n_balanced == len(large.result.receipts) > 60
    assert n_refused == 0


def test_planted_response_rates_lie_within_the_intervals_of_their_estimands(large: Night) -> None:
    for instrument in MAIN_INSTRUMENTS:
        for window in ("wk1", "wk4", "wk8", "wk12"):
            truth = large.truth["overall"]["response"][instrument][window]
            limits = {
                estimand: (low, high, rate)
                for estimand, low, high, rate in large.rows(
                    f"""
                    select estimand, ci_low, ci_high, rate from marts.response_rates
                    where {OVERALL} and indication = 'all' and definition = 'response'
                        and instrument = '{instrument}' and time_window = '{window}'
                    """
                )
            }
            for estimand in ("nri", "observed"):
                low, high, _ = limits[estimand]
                assert low <= truth[f"response_{estimand}"] <= high, (instrument, window, estimand)
            # What nobody can see, the response of those who left, lies between the two extremes.
            assert limits["worst_case"][2] <= truth["response"] <= limits["best_case"][2], (instrument, window)


def test_planted_adverse_event_rates_lie_within_their_intervals(large: Night) -> None:
    outside = []
    for route in ("iv", "intranasal", "sublingual"):
        truth = large.truth["overall"]["adverse_events_per_session"][route]["all"]
        for term, low, high in large.rows(
            f"""
            select ae_term, ci_low, ci_high from marts.adverse_event_frequencies
            where basis = 'session' and ascertainment = 'complete' and dimension = 'route' and level = '{route}'
            """
        ):
            if term in SOLICITED_TERMS and not low <= truth[term] <= high:
                outside.append((route, term))
    # Of 21 intervals of 95 % one or two may miss; none of the large intravenous group does.
    assert len(outside) <= 2
    assert "iv" not in {route for route, _ in outside}


def test_the_planted_median_durability_lies_within_its_interval(large: Night) -> None:
    for instrument in MAIN_INSTRUMENTS:
        truth = large.truth["overall"]["durability"][instrument]
        ((low, high),) = large.rows(
            f"""
            select median_ci_low, median_ci_high from marts.durability_of_relief
            where {OVERALL} and indication = 'all' and instrument = '{instrument}'
                and estimand = 'censor_at_retreatment'
            """
        )
        # Loss is only seen at visits, so the estimate dates it late; the simulator knows by how much.
        assert low <= truth["median_days_at_visits"] <= high, instrument


def test_planted_changes_of_ideation_lie_within_their_intervals(large: Night) -> None:
    truth = large.truth["overall"]["besides"]["ideation"]
    wholes = {
        "improved": "n_with_ideation",
        "to_zero": "n_with_ideation",
        "worsened": "n_rated",
        "new_severe": "n_below_severe",
    }
    found = large.rows(
        f"""
        select definition, ci_low, ci_high from marts.suicidality
        where {OVERALL} and indication = 'all' and time_window = 'wk4'
        """
    )
    assert {definition for definition, _, _ in found} == wholes.keys()
    for definition, low, high in found:
        assert low <= truth[f"n_{definition}"] / truth[wholes[definition]] <= high, definition


def test_what_the_further_tables_hold_is_counted_exactly(large: Night) -> None:
    truth = large.truth["overall"]["besides"]
    pressure, opioids, screening, therapy = (
        truth[topic] for topic in ("haemodynamics", "opioids", "screening", "co_therapy")
    )
    found = large.rows(
        f"""
        select endpoint, numerator, denominator from marts.haemodynamics
        where {OVERALL} and endpoint in ('severe_pressure', 'pressure_rise')
        union all
        select definition, numerator, denominator from marts.opioid_sparing
        where {OVERALL} and indication = 'all' and time_window = 'wk4' and estimand = 'nri'
            and definition in ('fall_50', 'to_zero')
        union all
        select measure, numerator, denominator from marts.screening_deviations
        where {OVERALL} and item = 'any' and measure = 'treated_contraindicated'
        union all
        select
            'psychotherapy',
            count(*) filter (psychotherapy = 'with'),
            count(*) filter (psychotherapy <> 'not_reported')
        from intermediate.int_patient_kind
        """
    )
    assert {name: counts for name, *counts in found} == {
        "severe_pressure": [pressure["n_peak_high"], pressure["n_sessions"]],
        "pressure_rise": [pressure["n_rise"], pressure["n_sessions"]],
        "fall_50": [opioids["wk4_n_fall_50"], opioids["wk4_n_known"]],
        "to_zero": [opioids["wk4_n_stopped"], opioids["wk4_n_known"]],
        "treated_contraindicated": [screening["n_treated_despite"], screening["n_patients"]],
        "psychotherapy": [therapy["n_psychotherapy"], therapy["n_patients"]],
    }


def test_of_nested_rows_the_one_always_counts_patients_of_the_other(large: Night) -> None:
    for contract in load_mart_contracts(large.settings).values():
        for nested in contract.nested:
            keys = ", ".join(name for name in contract.grain if name != nested.key)
            ((n, n_more, n_fewer),) = large.rows(
                f"""
                select
                    count(*),
                    count(*) filter (firm.{nested.count} > yielding.{nested.count}),
                    count(*) filter (firm.{nested.count} < yielding.{nested.count})
                from (from marts.{contract.name} where {nested.key} = '{nested.firm}') as firm
                join (from marts.{contract.name} where {nested.key} = '{nested.yielding}') as yielding using ({keys})
                """
            )
            assert min(n_more, n_fewer) == 0, (contract.name, nested)
            assert n, (contract.name, nested)


def test_no_public_row_but_a_clinics_own_rests_on_fewer_than_three_clinics(large: Night) -> None:
    rows = large.rows(
        """
        select distinct suppression_reason from marts.response_rates
        where indication = 'all' and dimension = 'setting' and level in ('hospital', 'home_telehealth')
        """,
        "registry.duckdb",
    )
    assert {reason for (reason,) in rows} <= {"few_clinics", "small_cell"}
    assert ("few_clinics",) in rows


def test_a_second_night_with_nothing_new_takes_nothing_and_builds_nothing(large: Night) -> None:
    again = run_nightly(large.settings)
    assert not again.is_new
    assert again.receipts == []
    assert again.release == large.result.release


def test_the_same_seed_in_two_homes_gives_identical_marts(tmp_path: Path) -> None:
    one, other = night(tmp_path / "one", 300), night(tmp_path / "other", 300)
    for mart in ("response_rates", "adverse_event_frequencies", "durability_of_relief", "durability_curves"):
        sql = f"select * from marts.{mart} order by all"
        for file in ("restricted.duckdb", "registry.duckdb"):
            assert one.rows(sql, file) == other.rows(sql, file)
