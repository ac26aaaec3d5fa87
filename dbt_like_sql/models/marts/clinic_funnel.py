"""Each clinic between control limits around the rate of the registry."""

from typing import TYPE_CHECKING, Any

from sqlmesh import ExecutionContext, model
from sqlmesh.core.model import ModelKindName

from registry_pipeline.statistics.clinics import CLINICS, KEYS, funnel_rows
from registry_pipeline.warehouse.python_models import audits, fetch

if TYPE_CHECKING:
    import pandas as pd

GRAIN = [*KEYS, "level"]
RULES = (
    "numerator <= denominator",
    "low_998 <= low_95 and high_95 <= high_998",
)


@model(
    "marts.clinic_funnel",
    kind={"name": ModelKindName.FULL},
    description=(
        "Each clinic's rate between control limits around the rate of all clinics. Observed in registry, "
        "uncontrolled. Being outside a limit is a reason to look at case-mix, coverage and chance, never a "
        "verdict on quality."
    ),
    columns={
        "indication": "varchar",
        "instrument": "varchar",
        "time_window": "varchar",
        "definition": "varchar",
        "estimand": "varchar",
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
    column_descriptions={
        "indication": "all, or the diagnosis that the course is for.",
        "instrument": "The outcome instrument.",
        "time_window": "The window in which the score was read.",
        "definition": "response, substantial, remission or deterioration, as the instrument defines it.",
        "estimand": (
            "nri (a missing score counts as not meeting the definition, primary) or observed (only patients with "
            "a score)."
        ),
        "level": "The clinic.",
        "numerator": "Patients of the clinic who meet the definition.",
        "denominator": "Patients of the clinic who could have.",
        "rate": "numerator / denominator.",
        "registry_rate": "The same over all clinics: the centre of the funnel.",
        "low_95": "Lower exact binomial limit around registry_rate, 2.5 % beyond it.",
        "high_95": "Upper exact binomial limit, 2.5 % beyond it.",
        "low_998": "Lower exact binomial limit, 0.1 % beyond it.",
        "high_998": "Upper exact binomial limit, 0.1 % beyond it.",
        "z": "Distance from registry_rate in standard errors; null where the registry's rate is 0 or 1.",
        "z_adjusted": "The same divided by the square root of the overdispersion, when that is above 1.",
        "overdispersion": (
            "Mean squared winsorised z: how many times more the clinics spread than chance would make them."
        ),
        "is_outside_95": (
            "Whether z_adjusted is beyond the 95 % limits. A reason to look at case-mix, coverage and chance; "
            "never a verdict on quality."
        ),
        "is_suppressed": "Whether the figures are hidden; the release decides.",
        "suppression_reason": "Why they are hidden.",
    },
    grains=[f"({', '.join(GRAIN)})"],
    depends_on=["marts.response_rates"],
    audits=audits(GRAIN, "numerator", "denominator", rules=RULES),
)
def execute(context: ExecutionContext, **_: Any) -> "pd.DataFrame":
    rows = funnel_rows(fetch(context, CLINICS, rates="marts.response_rates"))
    return rows.assign(is_suppressed=False, suppression_reason=None)
