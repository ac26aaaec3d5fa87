"""Levels of a dimension side by side: whether the durability of relief differs, as a description."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.statistics.durability import comparison_rows
from registry_pipeline.warehouse.python_models import Tables, fetch, python_model

if TYPE_CHECKING:
    import pandas as pd

KEYS = ["indication", "instrument", "estimand", "dimension"]
RULES = ("numerator <= denominator", "p_value between 0 and 1", "degrees = n_levels - 1")
NAMES = """
select
  dense_rank() over (order by d.indication, d.dimension, r.reading_no) as comparison_no,
  d.indication, d.instrument, r.estimand, d.dimension, d.stratum_no, r.reading_no
from {denominator} as d
inner join {reading} as r on d.instrument = r.instrument
where d.dimension in ('route', 'age_group', 'cumulative_dose', 'psychotherapy', 'rehabilitation', 'place')
  and d.level not in ('unknown', 'not_reported', 'not_iv')
"""
LIFE_TABLES = f"""
select
  n.comparison_no, n.estimand = 'competing' as is_competing, t.stratum_no as level_no,
  t.time_days, t.n_event, t.n_competing, t.n_censored
from {{life_table}} as t
inner join ({NAMES}) as n
  on t.stratum_no = n.stratum_no and t.reading_no = n.reading_no
"""


@python_model(
    "marts.durability_comparisons",
    description=(
        "Whether durability of relief differs between the levels of a dimension: log-rank and Gray's test, shown as a "
        "description. Observed in registry, uncontrolled."
    ),
    columns={
        "indication": "varchar",
        "instrument": "varchar",
        "estimand": "varchar",
        "dimension": "varchar",
        "test": "varchar",
        "n_levels": "integer",
        "statistic": "double",
        "degrees": "integer",
        "p_value": "double",
        "numerator": "bigint",
        "denominator": "bigint",
        "is_suppressed": "boolean",
        "suppression_reason": "varchar",
    },
    grain=KEYS,
    depends_on=[
        "intermediate.int_durability_denominator",
        "intermediate.int_durability_reading",
        "intermediate.int_durability_life_table",
    ],
    filled=["test", "numerator", "denominator"],
    rules=RULES,
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    named = {
        "denominator": "intermediate.int_durability_denominator",
        "reading": "intermediate.int_durability_reading",
    }
    names = fetch(context, NAMES, **named)[["comparison_no", *KEYS]].drop_duplicates()
    rows = comparison_rows(fetch(context, LIFE_TABLES, **named, life_table="intermediate.int_durability_life_table"))
    tests = rows["is_competing"].map({True: "gray", False: "log_rank"})
    return rows.assign(test=tests, is_suppressed=False, suppression_reason=None).merge(names, on="comparison_no")
