"""The planted truth of simulated registries is found again by the production models."""

import pytest

from benchmarks.recovery import recover
from benchmarks.recovery_world import survival, truth

N_REGISTRIES = 20


def test_planted_values_are_those_that_the_world_is_drawn_from() -> None:
    planted = truth()
    assert planted["response nri, week 4"] == pytest.approx(0.475 * 0.9)
    assert planted["difference by age, nri (Newcombe)"] == pytest.approx(0.15 * 0.9)
    assert survival(7) == 1
    # Retreatment takes some of those who would have lost response, so fewer lose it than without.
    assert 0 < planted["loss by day 84, retreatment competing"] < 1 - planted["in response on day 84 (KM)"]
    assert planted["nausea per session"] < planted["nausea per patient"] < 1


@pytest.mark.slow
def test_estimates_lie_around_the_truth_and_their_intervals_hold_it() -> None:
    results = recover(N_REGISTRIES, n_patients=300)
    assert results.keys() == truth().keys()
    for name, one in results.items():
        assert one["n"] == N_REGISTRIES, name
        # Four standard errors: one of a thousand such tests would fail by chance for all estimates together.
        assert abs(one["bias"]) <= 4 * one["std_err_of_bias"], name
        # The rate per patient-month of a common event is known to be held too rarely: see docs/explanation/recovery.md.
        assert one["coverage"] >= (0.5 if name == "nausea per patient-month" else 0.8), name
