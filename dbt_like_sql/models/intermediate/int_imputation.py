"""The missing scores imputed from those of patients who are alike: counts, and no single patient."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.statistics.imputation import IMPUTATIONS, impute
from registry_pipeline.warehouse.python_models import Tables, fetch, python_model

if TYPE_CHECKING:
    import pandas as pd

KEYS = ["indication", "instrument", "time_window", "definition"]
GRAIN = [*KEYS, "imputation"]
QUERY = """
select c.indication, c.instrument, c.time_window, c.definition, c.was_met_before, c.n_observed, c.n_met, c.n_missing
from {cells} as c
"""


@python_model(
    "intermediate.int_imputation",
    description="How many patients meet each definition once those missing are imputed, by imputation.",
    columns={
        "indication": "varchar",
        "instrument": "varchar",
        "time_window": "varchar",
        "definition": "varchar",
        "imputation": "integer",
        "numerator": "bigint",
        "denominator": "bigint",
    },
    column_descriptions={
        "indication": "Diagnosis that the course is for.",
        "instrument": "The outcome instrument.",
        "time_window": "The window.",
        "definition": "response, substantial, remission, remission_strict or deterioration.",
        "imputation": "Number of the imputation, from 1.",
        "numerator": "Patients who meet the definition: observed, and imputed from the observed of the same cell.",
        "denominator": "Eligible patients.",
    },
    grain=GRAIN,
    depends_on=["intermediate.int_imputation_cell"],
    filled=["numerator", "denominator"],
    rules=("numerator between 0 and denominator",),
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    cells = fetch(context, QUERY, cells="intermediate.int_imputation_cell")
    names = ["/".join(map(str, cell)) for cell in cells[[*KEYS, "was_met_before"]].itertuples(index=False)]
    imputed = impute(names, cells["n_met"], cells["n_observed"], cells["n_missing"])
    numbers = range(1, IMPUTATIONS + 1)
    cells[list(numbers)] = imputed + cells[["n_met"]].to_numpy()
    cells["denominator"] = cells["n_observed"] + cells["n_missing"]
    sums = cells.groupby(KEYS, as_index=False)[["denominator", *numbers]].sum()
    return sums.melt([*KEYS, "denominator"], var_name="imputation", value_name="numerator")
