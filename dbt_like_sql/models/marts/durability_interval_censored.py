"""Durability of relief when a loss may have come at any time between two visits, where visits are far apart."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.statistics.durability import interval_rows
from registry_pipeline.warehouse.python_models import Tables, fetch, python_model

if TYPE_CHECKING:
    import pandas as pd

GRAIN = ["indication", "instrument", "day"]
RULES = (
    "survival_low between 0 and 1 and survival_low <= survival_high",
    "survival_high between 0 and 1",
    "n_at_risk <= denominator",
    "numerator <= denominator",
)
INTERVALS = """
select i.indication, i.instrument, i.low_days, i.high_days, i.n_patients
from {interval} as i
inner join {gaps} as g
  on i.indication = g.indication and i.instrument = g.instrument and g.dimension = 'overall'
where g.is_over_14_days
"""
AT_VISITS = """
select l.indication, l.instrument, l.day, l.survival as survival_at_visits, l.n_at_risk, l.numerator, l.denominator
from {landmarks} as l
where l.dimension = 'overall' and l.estimand = 'censor_at_retreatment'
"""


@python_model(
    "marts.durability_interval_censored",
    description=(
        "Durability of relief when a loss may have come at any time between two visits (Turnbull), beside the curve at "
        "visit times, where the median gap between visits is more than 14 days. Observed in registry, uncontrolled."
    ),
    columns={
        "indication": "varchar",
        "instrument": "varchar",
        "day": "integer",
        "survival_low": "double",
        "survival_high": "double",
        "survival_at_visits": "double",
        "n_at_risk": "bigint",
        "numerator": "bigint",
        "denominator": "bigint",
        "is_suppressed": "boolean",
        "suppression_reason": "varchar",
    },
    grain=GRAIN,
    depends_on=[
        "intermediate.int_durability_interval",
        "marts.durability_visit_gaps",
        "marts.durability_landmarks",
    ],
    filled=["n_at_risk", "numerator", "denominator"],
    rules=RULES,
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    relations = {"interval": "intermediate.int_durability_interval", "gaps": "marts.durability_visit_gaps"}
    rows = interval_rows(fetch(context, INTERVALS, **relations))
    at_visits = fetch(context, AT_VISITS, landmarks="marts.durability_landmarks")
    return rows.merge(at_visits, on=GRAIN).assign(is_suppressed=False, suppression_reason=None)
