"""Intervals of proportions and Poisson rates against R."""

from pathlib import Path

import numpy as np
import pandas as pd

from registry_pipeline.statistics.rates import clopper_pearson, garwood, wilson

TOLERANCE = 1e-9


def assert_close(actual: object, expected: object) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE)


def test_wilson_and_clopper_pearson_equal_the_oracle(shared: Path) -> None:
    expected = pd.read_csv(shared / "oracles" / "proportion_ci.csv")
    low, high = wilson(expected["x"], expected["n"])
    assert_close(low, expected["wilson_lo"])
    assert_close(high, expected["wilson_hi"])
    low, high = clopper_pearson(expected["x"], expected["n"])
    assert_close(low, expected["cp_lo"])
    assert_close(high, expected["cp_hi"])


def test_garwood_equals_the_oracle(shared: Path) -> None:
    expected = pd.read_csv(shared / "oracles" / "poisson_exact_ci.csv")
    low, high = garwood(expected["events"], expected["exposure"])
    assert_close(low, expected["exact_lo"])
    assert_close(high, expected["exact_hi"])


def test_zero_events_have_the_exact_upper_bound(shared: Path) -> None:
    expected = pd.read_csv(shared / "oracles" / "zero_event_expected.csv")
    assert_close(clopper_pearson(0, expected["n"]).high, expected["clopper_pearson_2sided_upper"])
    assert_close(garwood(0, expected["n"]).high, expected["exact_poisson_2sided_upper"])
