"""Exact limits of the odds that an event fell to one of two groups, for SQL to look up."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.statistics.comparisons import odds_limits
from registry_pipeline.warehouse.python_models import Tables, fetch, python_model

if TYPE_CHECKING:
    import pandas as pd

GRAIN = ["n_events", "reference_n_events"]
PAIRS = """
select distinct c.numerator as n_events, c.reference_numerator as reference_n_events
from {contrasts} as c
where c.basis = 'patient_month'
"""


@python_model(
    "intermediate.int_ae_odds_limits",
    description="Exact 95 % limits of the ratio of two Poisson means, for every pair of counts that is compared.",
    columns={"n_events": "bigint", "reference_n_events": "bigint", "low": "double", "high": "double"},
    column_descriptions={
        "n_events": "Events of the group.",
        "reference_n_events": "Events of the group that it is compared with.",
        "low": "Lower limit of the ratio of their means, given the sum of the two counts.",
        "high": "Upper limit; null where there is none.",
    },
    grain=GRAIN,
    depends_on=["intermediate.int_ae_contrast"],
    filled=["low"],
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    pairs = fetch(context, PAIRS, contrasts="intermediate.int_ae_contrast")
    limits = odds_limits(pairs["n_events"], pairs["reference_n_events"])
    return pairs.assign(low=limits.low, high=limits.high)
