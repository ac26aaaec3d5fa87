"""What is planted lies within the bands of the clinical specification, and the scores show exactly what is planted."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from registry_pipeline.simulate import planted
from registry_pipeline.simulate.arrays import NEVER, PATIENT_NO
from registry_pipeline.simulate.clinic import make_clinics
from registry_pipeline.simulate.generate import Chunk, generate
from registry_pipeline.simulate.illness import in_response
from registry_pipeline.simulate.truth import Tally, tally, truth_document


@pytest.fixture(scope="module", params=[1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 20_261_121))])
def world(request: pytest.FixtureRequest) -> tuple[dict[str, Any], list[Chunk]]:
    clinics = make_clinics(n_clinics=8, n_patients=4_000, seed=request.param)
    chunks = [next(generate(clinic)) for clinic in clinics]
    return truth_document({}, clinics, [tally(chunk) for chunk in chunks]), chunks


def test_phq9_response_remission_and_deterioration_at_week_4_are_as_targeted(
    world: tuple[dict[str, Any], list[Chunk]],
) -> None:
    week_4 = world[0]["overall"]["response"]["phq9"]["wk4"]
    assert 0.38 <= week_4["response"] <= 0.52
    assert 0.20 <= week_4["remission"] <= 0.32
    assert 0.03 <= week_4["deterioration"] <= 0.09


def test_follow_up_is_60_to_80_percent_at_week_4_and_about_40_percent_at_a_year(
    world: tuple[dict[str, Any], list[Chunk]],
) -> None:
    for windows in (world[0]["overall"]["response"][name] for name in ("phq9", "nrs_avg")):
        assert 0.60 <= windows["wk4"]["coverage"] <= 0.80
        assert 0.33 <= windows["wk52"]["coverage"] <= 0.50


def test_pain_relief_is_common_at_2_weeks_fades_by_12_and_is_commoner_in_crps(
    world: tuple[dict[str, Any], list[Chunk]],
) -> None:
    truth, chunks = world
    windows = truth["overall"]["response"]["nrs_avg"]
    assert 0.40 <= windows["day14"]["response"] <= 0.55
    assert 0.15 <= windows["wk12"]["response"] <= 0.30
    crps = np.concatenate([chunk.illness.responds[chunk.patients.indication == 0, planted.NRS] for chunk in chunks])
    rest = np.concatenate(
        [
            chunk.illness.responds[
                (chunk.patients.indication > 0) & (chunk.patients.indication < len(planted.PAIN)), planted.NRS
            ]
            for chunk in chunks
        ]
    )
    assert crps.mean() > rest.mean() + 0.05


@pytest.mark.parametrize(
    ("term", "low", "high"),
    [
        ("dissociation", 0.30, 0.70),
        ("dizziness", 0.20, 0.40),
        ("nausea", 0.10, 0.30),
        ("headache", 0.10, 0.20),
        ("vomiting", 0.03, 0.08),
        ("hypertension", 0.01, 0.04),
    ],
)
def test_adverse_events_per_infusion_lie_in_their_bands_and_fall_after_the_first(
    world: tuple[dict[str, Any], list[Chunk]], term: str, low: float, high: float
) -> None:
    iv = world[0]["overall"]["adverse_events_per_session"]["iv"]
    assert low <= iv["all"][term] <= high
    assert iv["1"][term] > 0.9 * iv["2-6"][term]
    assert world[0]["overall"]["adverse_events_per_session"]["sublingual"]["all"][term] < iv["all"][term]


def test_responders_lose_the_response_as_the_weibull_says(world: tuple[dict[str, Any], list[Chunk]]) -> None:
    lost = np.concatenate([chunk.illness.loss_after[chunk.illness.is_responder] for chunk in world[1]])
    assert np.median(lost) == pytest.approx(72.3, abs=6)
    assert (lost > 84).mean() == pytest.approx(0.436, abs=0.04)
    durability = world[0]["overall"]["durability"]["phq9"]
    assert 0 < durability["visit_bias_days"] < 21


def test_non_responders_leave_and_clinics_ask_differently(world: tuple[dict[str, Any], list[Chunk]]) -> None:
    truth, chunks = world
    stays = [(chunk.illness.dropout_day > 60, chunk.illness.is_responder) for chunk in chunks]
    of_responders = np.concatenate([stay[responds] for stay, responds in stays]).mean()
    assert of_responders > np.concatenate([stay[~responds] for stay, responds in stays]).mean() + 0.1
    rates = [clinic["ae_forms"]["ascertainment_rate"] for clinic in truth["clinics"].values()]
    assert min(rates) < 0.5
    assert max(rates) > 0.8


def test_a_phq9_halves_exactly_while_the_planted_response_lasts(world: tuple[dict[str, Any], list[Chunk]]) -> None:
    for chunk in world[1]:
        scores = chunk.tables["outcome_assessment"].filter(pl.col("instrument") == "phq9", pl.col("study_day") > 0)
        patient = scores[PATIENT_NO].to_numpy()
        baseline = chunk.illness.baseline[patient, planted.PHQ9]
        total = scores["total"].cast(pl.Float64).to_numpy()
        eligible = baseline >= 10
        says = (2 * (baseline - total) >= baseline)[eligible]
        is_so = in_response(chunk.illness, planted.PHQ9, patient, scores["study_day"].to_numpy())[eligible]
        assert (says == is_so).all()


def test_ideation_is_never_worse_in_response_and_back_afterwards(world: tuple[dict[str, Any], list[Chunk]]) -> None:
    for chunk in world[1]:
        ideation, illness = chunk.ideation, chunk.illness
        patient = np.flatnonzero(ideation.is_rated & illness.is_responder)
        during, after = (ideation.on(illness, patient, day) for day in (illness.last_day[patient], NEVER))
        assert (during <= np.maximum(ideation.before[patient] - 1, 0)).all()
        assert (after >= ideation.before[patient]).all()


def share(counts: dict[str, int], part: str, whole: str) -> float:
    return counts[part] / counts[whole]


def test_pressure_at_the_peak_is_high_in_1_to_4_percent_of_sessions_and_rises_in_more(
    world: tuple[dict[str, Any], list[Chunk]],
) -> None:
    counts = world[0]["overall"]["besides"]["haemodynamics"]
    assert counts["n_sessions"] > 3_000
    assert 0.01 <= share(counts, "n_peak_high", "n_sessions") <= 0.04
    assert 0.10 <= share(counts, "n_rise", "n_sessions") <= 0.40


def test_opioids_fall_by_half_in_some_and_less_often_once_relief_is_lost(
    world: tuple[dict[str, Any], list[Chunk]],
) -> None:
    counts = world[0]["overall"]["besides"]["opioids"]
    assert counts["n_takers"] > 200
    assert counts["n_not_convertible"] > 0
    month, quarter = (share(counts, f"{window}_n_fall_50", f"{window}_n_known") for window in ("wk4", "wk12"))
    assert 0.15 <= month <= 0.40
    assert quarter < month
    assert 0 < counts["wk4_n_stopped"] < counts["wk4_n_fall_50"] <= counts["wk4_n_fall_30"]


def test_half_have_ideation_that_mostly_improves_and_rarely_turns_severe(
    world: tuple[dict[str, Any], list[Chunk]],
) -> None:
    counts = world[0]["overall"]["besides"]["ideation"]
    assert counts["n_rated"] > 700
    assert 0.40 <= share(counts, "n_with_ideation", "n_rated") <= 0.60
    assert 0.35 <= share(counts, "n_improved", "n_with_ideation") <= 0.70
    assert 0.30 <= share(counts, "n_to_zero", "n_with_ideation") < share(counts, "n_improved", "n_with_ideation")
    assert 0.01 <= share(counts, "n_worsened", "n_rated") <= 0.05
    assert 0 < share(counts, "n_new_severe", "n_below_severe") <= 0.02


def test_few_are_treated_despite_a_contraindication_and_many_have_psychotherapy(
    world: tuple[dict[str, Any], list[Chunk]],
) -> None:
    besides = world[0]["overall"]["besides"]
    assert 0.005 <= share(besides["screening"], "n_treated_despite", "n_patients") <= 0.05
    assert 0.25 <= share(besides["co_therapy"], "n_psychotherapy", "n_patients") <= 0.55


def test_pain_and_mood_respond_together_more_often_than_by_chance(world: tuple[dict[str, Any], list[Chunk]]) -> None:
    counts = world[0]["overall"]["besides"]["double_response"]
    n, both = counts["wk4_n_eligible"], counts["wk4_n_both"]
    assert both / n > (both + counts["wk4_n_pain_only"]) / n * (both + counts["wk4_n_mood_only"]) / n


def test_boosters_are_given_on_schedule_and_on_demand(world: tuple[dict[str, Any], list[Chunk]]) -> None:
    counts = world[0]["overall"]["besides"]["boosters"]
    for kind in ("scheduled", "on_demand"):
        assert 0.05 <= share(counts, f"n_with_{kind}", "n_patients") <= 0.30
        assert counts[f"n_sessions_{kind}"] >= counts[f"n_with_{kind}"]


def test_tallies_of_two_clinics_add_up(world: tuple[dict[str, Any], list[Chunk]]) -> None:
    one, two = (tally(chunk) for chunk in world[1][:2])
    both = Tally()
    both.merge(one)
    both.merge(two)
    assert both.counts["n_patients",] == one.counts["n_patients",] + two.counts["n_patients",]
