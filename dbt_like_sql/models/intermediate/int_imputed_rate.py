"""The imputed rates, pooled over imputations, of all patients and of each diagnosis."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.statistics.imputation import pool
from registry_pipeline.warehouse.python_models import Tables, fetch, python_model

if TYPE_CHECKING:
    import pandas as pd

GRAIN = ["indication", "instrument", "time_window", "definition"]
QUERY = """
select
  case when s.is_pooled then 'all' else i.indication end as indication,
  i.instrument,
  i.time_window,
  i.definition,
  i.imputation,
  sum(i.numerator)::bigint as numerator,
  sum(i.denominator)::bigint as denominator
from {imputations} as i
cross join (values (false), (true)) as s(is_pooled)
group by 1, 2, 3, 4, 5
"""


@python_model(
    "intermediate.int_imputed_rate",
    description="Rates of each definition with missing scores imputed: pooled on the logit scale by Rubin's rules.",
    columns={
        "indication": "varchar",
        "instrument": "varchar",
        "time_window": "varchar",
        "definition": "varchar",
        "rate": "double",
        "ci_low": "double",
        "ci_high": "double",
    },
    column_descriptions={
        "indication": "all, or the diagnosis that the course is for.",
        "instrument": "The outcome instrument.",
        "time_window": "The window.",
        "definition": "response, substantial, remission, remission_strict or deterioration.",
        "rate": "The pooled rate.",
        "ci_low": "Lower limit of the 95 % interval.",
        "ci_high": "Upper limit of the 95 % interval.",
    },
    grain=GRAIN,
    depends_on=["intermediate.int_imputation"],
    rules=("ci_low <= rate and rate <= ci_high",),
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    rows = fetch(context, QUERY, imputations="intermediate.int_imputation")
    if rows.empty:
        return rows.reindex(columns=[*GRAIN, "rate", "ci_low", "ci_high"])
    table = rows.pivot_table(index=[*GRAIN, "denominator"], columns="imputation", values="numerator").reset_index()
    pooled = pool(table.drop(columns=[*GRAIN, "denominator"]), table["denominator"])
    return table[GRAIN].assign(rate=pooled.rate, ci_low=pooled.low, ci_high=pooled.high)
