"""When each adverse event begins after the dose, and how long it lasts."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.statistics.timing import KEYS, timing_rows
from registry_pipeline.warehouse.python_models import Tables, fetch, python_model

if TYPE_CHECKING:
    import pandas as pd

PATIENTS = """
select c.dimension, c.level, c.ae_term, c.n_patients_with
from {counts} as c
where c.noted_at = 'session' and c.ascertainment = 'complete' and c.dimension in ('overall', 'route')
"""
RULES = (
    "n_ongoing <= n_timed and n_timed <= n_events",
    "n_patients_with <= n_events",
    "lower_quartile_min <= median_min",
    "median_min <= upper_quartile_min",
)


@python_model(
    "marts.adverse_event_timing",
    description=(
        "Median and quartiles of minutes to onset and of duration of each adverse event. Observed in registry, "
        "uncontrolled."
    ),
    columns={
        "ae_term": "varchar",
        "measure": "varchar",
        "dimension": "varchar",
        "level": "varchar",
        "n_events": "bigint",
        "n_timed": "bigint",
        "n_ongoing": "bigint",
        "n_patients_with": "bigint",
        "lower_quartile_min": "double",
        "median_min": "double",
        "upper_quartile_min": "double",
        "is_suppressed": "boolean",
        "suppression_reason": "varchar",
    },
    grain=KEYS,
    depends_on=["intermediate.int_ae_timing", "intermediate.int_ae_count"],
    filled=["n_events", "n_timed", "n_ongoing", "n_patients_with"],
    rules=RULES,
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    rows = timing_rows(fetch(context, "select * from {timing}", timing="intermediate.int_ae_timing"))
    patients = fetch(context, PATIENTS, counts="intermediate.int_ae_count")
    counted = rows.merge(patients, on=["dimension", "level", "ae_term"], how="left")
    return counted.assign(is_suppressed=False, suppression_reason=None)
