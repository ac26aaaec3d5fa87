"""Durability of relief under other definitions of its loss."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.statistics.durability import SENSITIVITY_KEYS, sensitivity_rows
from registry_pipeline.warehouse.python_models import Tables, fetch, python_model

if TYPE_CHECKING:
    import pandas as pd

GRAIN = [*SENSITIVITY_KEYS, "day"]
RULES = (
    "numerator <= denominator",
    "n_at_risk <= denominator",
    "n_unconfirmed between 0 and denominator",
    "ci_low <= survival and survival <= ci_high",
)


@python_model(
    "marts.durability_sensitivity",
    description=(
        "Durability of relief by what counts as its loss: the primary definition, unconfirmed losses censored, and "
        "relapse of depression. Observed in registry, uncontrolled."
    ),
    columns={
        "indication": "varchar",
        "instrument": "varchar",
        "estimand": "varchar",
        "loss_definition": "varchar",
        "day": "integer",
        "survival": "double",
        "ci_low": "double",
        "ci_high": "double",
        "ci_method": "varchar",
        "median_days": "integer",
        "median_ci_low": "integer",
        "median_ci_high": "integer",
        "n_at_risk": "bigint",
        "n_unconfirmed": "bigint",
        "numerator": "bigint",
        "denominator": "bigint",
        "is_suppressed": "boolean",
        "suppression_reason": "varchar",
    },
    grain=GRAIN,
    depends_on=["intermediate.int_durability_sensitivity"],
    filled=["n_at_risk", "numerator", "denominator"],
    rules=RULES,
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    rows = sensitivity_rows(
        fetch(context, "select * from {life_table}", life_table="intermediate.int_durability_sensitivity")
    )
    return rows.assign(is_suppressed=False, suppression_reason=None)
