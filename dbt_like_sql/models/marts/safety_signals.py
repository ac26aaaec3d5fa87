"""Patients with each safety signal of special interest, among those who were asked or measured."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.statistics.safety import with_exact_interval
from registry_pipeline.warehouse.python_models import Tables, fetch, python_model

if TYPE_CHECKING:
    import pandas as pd

GRAIN = ["signal", "source", "dimension", "level"]
RULES = (
    "numerator <= denominator",
    "denominator <= n_patients",
    "numerator <= n_noted",
    "ci_low <= rate and rate <= ci_high",
)
COUNTS = """
select
  c.signal,
  c.source,
  c.dimension,
  c.level,
  c.n_with as numerator,
  c.n_asked as denominator,
  c.n_patients,
  c.n_noted,
  c.n_asked / nullif(cast(c.n_patients as double), 0) as ascertainment_rate
from {counts} as c
"""


@python_model(
    "marts.safety_signals",
    description=(
        "How many patients had each safety signal of special interest, and how many were asked or measured at all. "
        "Observed in registry, uncontrolled. The registry is not a reporting route."
    ),
    columns={
        "signal": "varchar",
        "source": "varchar",
        "dimension": "varchar",
        "level": "varchar",
        "numerator": "bigint",
        "denominator": "bigint",
        "rate": "double",
        "ci_low": "double",
        "ci_high": "double",
        "ci_method": "varchar",
        "zero_event_upper": "double",
        "n_patients": "bigint",
        "n_noted": "bigint",
        "ascertainment_rate": "double",
        "is_suppressed": "boolean",
        "suppression_reason": "varchar",
    },
    grain=GRAIN,
    depends_on=["intermediate.int_safety_count"],
    filled=["numerator", "denominator"],
    rules=RULES,
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    rows = with_exact_interval(fetch(context, COUNTS, counts="intermediate.int_safety_count"))
    return rows.assign(is_suppressed=False, suppression_reason=None)
