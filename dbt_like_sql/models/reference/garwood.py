"""Exact limits of Poisson counts, for SQL to look up."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.warehouse.python_models import Tables, python_model
from registry_pipeline.warehouse.reference import garwood_table

if TYPE_CHECKING:
    import pandas as pd


@python_model(
    "reference.garwood",
    description="Garwood 95 % limits of every count up to the number of patients, who have a first event once.",
    columns={"n_events": "bigint", "low": "double", "high": "double"},
    column_descriptions={
        "n_events": "The count.",
        "low": "Lower limit of its mean.",
        "high": "Upper limit of its mean.",
    },
    grain=["n_events"],
    depends_on=["intermediate.int_consented_patient"],
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    patients = context.resolve_table("intermediate.int_consented_patient")
    counted = context.fetchdf(f"select count(*) as n_patients from {patients}")
    return garwood_table(int(counted["n_patients"].iloc[0]))
