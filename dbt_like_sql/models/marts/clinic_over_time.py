"""Each clinic's own rates over quarters of study, between control limits around its rate over all of them."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.statistics.control_chart import CHART, over_time_rows
from registry_pipeline.warehouse.python_models import Tables, fetch, python_model

if TYPE_CHECKING:
    import pandas as pd

GRAIN = [*CHART, "quarter"]
RULES = (
    "numerator <= denominator",
    "low_998 <= low_95 and high_95 <= high_998",
)
QUERY = """
select q.indicator, q.instrument, q.clinic_id as level, q.quarter, q.numerator, q.denominator
from {quarters} as q
"""


@python_model(
    "marts.clinic_over_time",
    description=(
        "Each clinic's own rates over quarters of study time, between control limits around its rate over all of them. "
        "Observed in registry, uncontrolled. A quarter outside a limit, or a long run, is a reason to look at who was "
        "still seen then and at chance, never a verdict on quality."
    ),
    columns={
        "indicator": "varchar",
        "instrument": "varchar",
        "level": "varchar",
        "quarter": "integer",
        "numerator": "bigint",
        "denominator": "bigint",
        "rate": "double",
        "centre": "double",
        "low_95": "double",
        "high_95": "double",
        "low_998": "double",
        "high_998": "double",
        "is_outside_998": "boolean",
        "run_length": "bigint",
        "is_run": "boolean",
        "is_suppressed": "boolean",
        "suppression_reason": "varchar",
    },
    grain=GRAIN,
    depends_on=["intermediate.int_clinic_quarter"],
    filled=["numerator", "denominator", "rate"],
    rules=RULES,
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    rows = over_time_rows(fetch(context, QUERY, quarters="intermediate.int_clinic_quarter"))
    return rows.assign(is_suppressed=False, suppression_reason=None)
