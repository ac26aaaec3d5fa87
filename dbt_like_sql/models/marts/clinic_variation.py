"""How much clinics differ in response, and what is left when one is left out."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.statistics.clinics import (
    RESPONSE,
    RESPONSE_KEYS,
    VARIATION_COLUMNS,
    VARIATION_RULES,
    variation_rows,
)
from registry_pipeline.warehouse.python_models import Tables, fetch, python_model

if TYPE_CHECKING:
    import pandas as pd


@python_model(
    "marts.clinic_variation",
    description=(
        "How much clinics differ in who responds: the pooled rate of a typical clinic, its prediction "
        "interval, and what leaving one clinic out does. Observed in registry, uncontrolled. A patient seen "
        "at two clinics counts twice."
    ),
    columns={
        **dict.fromkeys(RESPONSE_KEYS, "varchar"),
        **VARIATION_COLUMNS,
        "is_suppressed": "boolean",
        "suppression_reason": "varchar",
    },
    grain=RESPONSE_KEYS,
    depends_on=["marts.response_rates"],
    filled=["numerator", "denominator"],
    rules=VARIATION_RULES,
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    rows = variation_rows(fetch(context, RESPONSE, rates="marts.response_rates"), RESPONSE_KEYS)
    return rows.assign(is_suppressed=False, suppression_reason=None)
