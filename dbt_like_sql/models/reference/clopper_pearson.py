"""Exact intervals of small proportions, for SQL to look up."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.warehouse.python_models import Tables, python_model
from registry_pipeline.warehouse.reference import clopper_pearson_table

if TYPE_CHECKING:
    import pandas as pd


@python_model(
    "reference.clopper_pearson",
    description="Clopper-Pearson 95 % intervals of every proportion with a denominator below 20.",
    columns={"numerator": "bigint", "denominator": "bigint", "ci_low": "double", "ci_high": "double"},
    column_descriptions={
        "numerator": "Those who meet the definition.",
        "denominator": "Those who could have.",
        "ci_low": "Lower limit.",
        "ci_high": "Upper limit.",
    },
    grain=["numerator", "denominator"],
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    return clopper_pearson_table(int(str(context.var("exact_below"))))
