"""Patients with each safety signal of special interest, among those who were asked or measured."""

from typing import TYPE_CHECKING, Any

from sqlmesh import ExecutionContext, model
from sqlmesh.core.model import ModelKindName

from registry_pipeline.statistics.safety import with_exact_interval
from registry_pipeline.warehouse.python_models import audits, fetch

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


@model(
    "marts.safety_signals",
    kind={"name": ModelKindName.FULL},
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
    grains=[f"({', '.join(GRAIN)})"],
    depends_on=["intermediate.int_safety_count"],
    audits=audits(GRAIN, "numerator", "denominator", rules=RULES),
)
def execute(context: ExecutionContext, **_: Any) -> "pd.DataFrame":
    rows = with_exact_interval(fetch(context, COUNTS, counts="intermediate.int_safety_count"))
    return rows.assign(is_suppressed=False, suppression_reason=None)
