"""How much clinics differ in response, and what is left when one is left out."""

from typing import TYPE_CHECKING, Any

from sqlmesh import ExecutionContext, model
from sqlmesh.core.model import ModelKindName

from registry_pipeline.statistics.clinics import CLINICS, KEYS, variation_rows
from registry_pipeline.warehouse.python_models import audits, fetch

if TYPE_CHECKING:
    import pandas as pd

GRAIN = KEYS
RULES = (
    "numerator <= denominator",
    "ci_low <= rate and rate <= ci_high",
    "prediction_low <= rate and rate <= prediction_high",
    "i2 between 0 and 1",
)


@model(
    "marts.clinic_variation",
    kind={"name": ModelKindName.FULL},
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
        "leave_one_out_low": "double",
        "leave_one_out_high": "double",
        "is_influenced": "boolean",
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
        "numerator": "Patients who meet the definition, over all clinics.",
        "denominator": "Patients who could have, over all clinics.",
        "n_clinics": "Units pooled: clinics with at least 11 patients, and all smaller ones together as one.",
        "rate": "Pooled rate of a typical clinic: random effects on logits, REML. Not numerator over denominator.",
        "ci_low": "Lower limit of the 95 % interval; null below three units.",
        "ci_high": "Upper limit of the 95 % interval; null below three units.",
        "ci_method": "reml_hksj: Hartung-Knapp-Sidik-Jonkman with a factor of at least 1.",
        "prediction_low": "Lower limit of where the rate of a further clinic may lie (95 %); null below five units.",
        "prediction_high": "Upper limit of where the rate of a further clinic may lie (95 %); null below five units.",
        "tau2": "Variance between clinics on the logit scale (REML).",
        "i2": "Share of the spread between clinics beyond chance, (Q - df) / Q.",
        "dl_rate": "The same pooled by DerSimonian and Laird, for comparison with the literature.",
        "dl_ci_low": "Lower limit of its normal 95 % interval; null below three units.",
        "dl_ci_high": "Upper limit of its normal 95 % interval; null below three units.",
        "leave_one_out_low": (
            "Lowest pooled rate when one unit is left out, to two places; null where a unit has 1 to 10 patients "
            "on either side."
        ),
        "leave_one_out_high": "Highest pooled rate when one unit is left out, to two places; null likewise.",
        "is_influenced": (
            "Whether leaving one unit out moves the rate by more than 5 points or I2 by more than 25; null likewise."
        ),
        "is_suppressed": "Whether the figures are hidden; the release decides.",
        "suppression_reason": "Why they are hidden.",
    },
    grains=[f"({', '.join(GRAIN)})"],
    depends_on=["marts.response_rates"],
    audits=audits(GRAIN, "numerator", "denominator", rules=RULES),
)
def execute(context: ExecutionContext, **_: Any) -> "pd.DataFrame":
    rows = variation_rows(fetch(context, CLINICS, rates="marts.response_rates"))
    return rows.assign(is_suppressed=False, suppression_reason=None)
