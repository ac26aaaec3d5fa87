"""Median and landmarks of every life table."""

from typing import TYPE_CHECKING, Any

from sqlmesh import ExecutionContext, model
from sqlmesh.core.model import ModelKindName

from registry_pipeline.statistics.durability import KEYS, LANDMARK_DAYS, summary_rows
from registry_pipeline.warehouse.python_models import audits, fetch

if TYPE_CHECKING:
    import pandas as pd

LANDMARK_COLUMNS = {
    f"survival_{day}d{part}": f"{words} {day} days after the last induction session."
    for day in LANDMARK_DAYS
    for part, words in (
        ("", "Probability of not having lost response by"),
        ("_ci_low", "Lower 95 % limit of the probability at"),
        ("_ci_high", "Upper 95 % limit of the probability at"),
    )
}


@model(
    "intermediate.int_durability_summary",
    kind={"name": ModelKindName.FULL},
    description="Events, median and landmark survival of every life table of response.",
    columns={
        "indication": "varchar",
        "instrument": "varchar",
        "estimand": "varchar",
        "dimension": "varchar",
        "level": "varchar",
        "numerator": "bigint",
        "rate": "double",
        "ci_low": "double",
        "ci_high": "double",
        "ci_method": "varchar",
        "landmark_day": "integer",
        "median_days": "double",
        "median_ci_low": "double",
        "median_ci_high": "double",
        **dict.fromkeys(LANDMARK_COLUMNS, "double"),
    },
    column_descriptions={
        "indication": "all, or the diagnosis that the course was for.",
        "instrument": "The outcome instrument.",
        "estimand": "What retreatment means: censor_at_retreatment, composite or competing.",
        "dimension": (
            "overall, clinic, indication, route, setting, place, hour, dose, cumula"
            "tive_dose, age_group, psychotherapy or rehabilitation."
        ),
        "level": "The level of that dimension; all when it is overall.",
        "numerator": "Patients with the event of interest during follow-up.",
        "rate": "Probability of the event by landmark_day.",
        "ci_low": "Lower 95 % limit of rate.",
        "ci_high": "Upper 95 % limit of rate.",
        "ci_method": "greenwood_log_log (Kaplan-Meier) or delta_log_log (Aalen-Johansen).",
        "landmark_day": "The last landmark with at least 11 patients at risk; null when there is none.",
        "median_days": "First day with a probability of one half or less; null when not reached.",
        "median_ci_low": "Lower 95 % limit of the median (Brookmeyer-Crowley).",
        "median_ci_high": "Upper 95 % limit of the median; null when not reached.",
        **LANDMARK_COLUMNS,
    },
    grains=[f"({', '.join(KEYS)})"],
    depends_on=["intermediate.int_durability_life_table"],
    audits=audits(KEYS),
)
def execute(context: ExecutionContext, **_: Any) -> "pd.DataFrame":
    return summary_rows(
        fetch(context, "select * from {life_table}", life_table="intermediate.int_durability_life_table")
    )
