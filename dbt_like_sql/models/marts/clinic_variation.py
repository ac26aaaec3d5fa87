"""How much clinics differ in response, and what is left when one is left out."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.statistics.clinics import CLINICS, KEYS, variation_rows
from registry_pipeline.warehouse.python_models import Tables, fetch, python_model

if TYPE_CHECKING:
    import pandas as pd

GRAIN = KEYS
RULES = (
    "numerator <= denominator",
    "ci_low <= rate and rate <= ci_high",
    "prediction_low <= rate and rate <= prediction_high",
    "i2 between 0 and 1",
)


@python_model(
    "marts.clinic_variation",
    description=(
        "How much clinics differ in who responds: the pooled rate of a typical clinic, its prediction "
        "interval, and what leaving one clinic out does. Observed in registry, uncontrolled. A patient seen "
        "at two clinics counts twice."
    ),
    columns={
        "indication": "varchar",
        "instrument": "varchar",
        "time_window": "varchar",
        "definition": "varchar",
        "estimand": "varchar",
        "numerator": "bigint",
        "denominator": "bigint",
        "n_clinics": "integer",
        "rate": "double",
        "ci_low": "double",
        "ci_high": "double",
        "ci_method": "varchar",
        "prediction_low": "double",
        "prediction_high": "double",
        "tau2": "double",
        "i2": "double",
        "dl_rate": "double",
        "dl_ci_low": "double",
        "dl_ci_high": "double",
        "common_rate": "double",
        "common_ci_low": "double",
        "common_ci_high": "double",
        "leave_one_out_low": "double",
        "leave_one_out_high": "double",
        "is_influenced": "boolean",
        "is_suppressed": "boolean",
        "suppression_reason": "varchar",
    },
    grain=GRAIN,
    depends_on=["marts.response_rates"],
    filled=["numerator", "denominator"],
    rules=RULES,
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    rows = variation_rows(fetch(context, CLINICS, rates="marts.response_rates"))
    return rows.assign(is_suppressed=False, suppression_reason=None)
