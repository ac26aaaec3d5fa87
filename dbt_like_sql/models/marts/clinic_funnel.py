"""Each clinic between control limits around the rate of the registry."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.statistics.clinics import RESPONSE, RESPONSE_KEYS, funnel_rows
from registry_pipeline.warehouse.python_models import Tables, fetch, python_model

if TYPE_CHECKING:
    import pandas as pd

GRAIN = (*RESPONSE_KEYS, "level")
RULES = (
    "numerator <= denominator",
    "low_998 <= low_95 and high_95 <= high_998",
)


@python_model(
    "marts.clinic_funnel",
    description=(
        "Each clinic's rate between control limits around the rate of all clinics. Observed in registry, "
        "uncontrolled. Being outside a limit is a reason to look at case-mix, coverage and chance, never a "
        "verdict on quality."
    ),
    columns={
        **dict.fromkeys(RESPONSE_KEYS, "varchar"),
        "level": "varchar",
        "numerator": "bigint",
        "denominator": "bigint",
        "rate": "double",
        "registry_rate": "double",
        "low_95": "double",
        "high_95": "double",
        "low_998": "double",
        "high_998": "double",
        "z": "double",
        "z_adjusted": "double",
        "overdispersion": "double",
        "is_outside_95": "boolean",
        "is_suppressed": "boolean",
        "suppression_reason": "varchar",
    },
    grain=GRAIN,
    depends_on=["marts.response_rates"],
    filled=["numerator", "denominator"],
    rules=RULES,
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    rows = funnel_rows(fetch(context, RESPONSE, rates="marts.response_rates"), RESPONSE_KEYS)
    return rows.assign(is_suppressed=False, suppression_reason=None)
