"""Exact intervals of small proportions, for SQL to look up."""

from typing import TYPE_CHECKING, Any

from sqlmesh import ExecutionContext, model
from sqlmesh.core.model import ModelKindName

from registry_pipeline.warehouse.reference import clopper_pearson_table

if TYPE_CHECKING:
    import pandas as pd


@model(
    "reference.clopper_pearson",
    kind={"name": ModelKindName.FULL},
    description="Clopper-Pearson 95 % intervals of every proportion with a denominator below 20.",
    columns={"numerator": "bigint", "denominator": "bigint", "ci_low": "double", "ci_high": "double"},
    column_descriptions={
        "numerator": "Those who meet the definition.",
        "denominator": "Those who could have.",
        "ci_low": "Lower limit.",
        "ci_high": "Upper limit.",
    },
    grains=["(numerator, denominator)"],
)
def execute(context: ExecutionContext, **_: Any) -> "pd.DataFrame":
    return clopper_pearson_table(int(str(context.var("exact_below"))))
