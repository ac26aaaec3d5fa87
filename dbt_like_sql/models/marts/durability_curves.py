"""Survival of response on a weekly grid, from the life tables."""

from typing import TYPE_CHECKING, Any

from sqlmesh import ExecutionContext, model
from sqlmesh.core.model import ModelKindName

from registry_pipeline.statistics.durability import KEYS, curve_rows
from registry_pipeline.warehouse.python_models import audits, fetch

if TYPE_CHECKING:
    import pandas as pd

GRAIN = [*KEYS, "day"]
RULES = (
    "numerator <= denominator",
    "n_at_risk <= denominator",
    "survival between 0 and 1",
    "ci_low <= survival and survival <= ci_high",
)


@model(
    "marts.durability_curves",
    kind={"name": ModelKindName.FULL},
    description=(
        "How many responders are still in response, week by week after the last induction session. "
        "Observed in registry, uncontrolled."
    ),
    columns={
        "indication": "varchar",
        "instrument": "varchar",
        "estimand": "varchar",
        "dimension": "varchar",
        "level": "varchar",
        "day": "integer",
        "survival": "double",
        "ci_low": "double",
        "ci_high": "double",
        "ci_method": "varchar",
        "n_at_risk": "bigint",
        "numerator": "bigint",
        "denominator": "bigint",
        "is_suppressed": "boolean",
        "suppression_reason": "varchar",
    },
    column_descriptions={
        "indication": "all, or the diagnosis that the course was for.",
        "instrument": "The outcome instrument that response is measured with.",
        "estimand": "What retreatment means: censor_at_retreatment, composite (it counts as loss) or competing.",
        "dimension": (
            "overall, clinic, indication, route, setting, place, hour, dose, cumulative_dose, age_group, "
            "psychotherapy or rehabilitation."
        ),
        "level": "The level of that dimension; all when it is overall.",
        "day": "Days since the last induction session, every seventh.",
        "survival": (
            "Probability of not having lost response by the day; in competing, one minus the cumulative incidence of "
            "loss. Null past the last follow-up."
        ),
        "ci_low": "Lower limit of the 95 % interval of survival; null where survival is 0 or 1.",
        "ci_high": "Upper limit of the 95 % interval of survival; null where survival is 0 or 1.",
        "ci_method": "greenwood_log_log (Kaplan-Meier) or delta_log_log (Aalen-Johansen).",
        "n_at_risk": "Responders still followed and without an event just before the day.",
        "numerator": "Responders with the event by the day.",
        "denominator": "Responders at the end of induction.",
        "is_suppressed": "Whether the row is hidden for small cells; always false here, decided at release.",
        "suppression_reason": "Why the row is hidden.",
    },
    grains=[f"({', '.join(GRAIN)})"],
    depends_on=["intermediate.int_durability_life_table"],
    audits=audits(GRAIN, "n_at_risk", "numerator", "denominator", rules=RULES),
)
def execute(context: ExecutionContext, **_: Any) -> "pd.DataFrame":
    rows = curve_rows(fetch(context, "select * from {life_table}", life_table="intermediate.int_durability_life_table"))
    return rows.assign(is_suppressed=False, suppression_reason=None)
