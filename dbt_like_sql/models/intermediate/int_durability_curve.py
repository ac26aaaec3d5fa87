"""Kaplan-Meier and Aalen-Johansen curves of every life table, read off once for all durability marts."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.statistics.durability import curve_rows
from registry_pipeline.warehouse.python_models import Tables, fetch, python_model

if TYPE_CHECKING:
    import pandas as pd

GRAIN = ["stratum_no", "reading_no", "day"]
LIFE_TABLES = """
select
  t.stratum_no, t.reading_no, r.estimand = 'competing' as is_competing,
  t.time_days, t.n_event, t.n_competing, t.n_censored
from {life_table} as t
inner join {reading} as r on t.reading_no = r.reading_no
"""


@python_model(
    "intermediate.int_durability_curve",
    description="Every life table of response read off on a weekly grid, with its restricted means and median.",
    columns={
        "stratum_no": "integer",
        "reading_no": "integer",
        "day": "integer",
        "survival": "double",
        "ci_low": "double",
        "ci_high": "double",
        "n_at_risk": "bigint",
        "n_events": "bigint",
        "n_responders": "bigint",
        "rmst_days": "double",
        "rmst_std_err": "double",
        "rmst_ci_low": "double",
        "rmst_ci_high": "double",
        "median_days": "double",
        "median_ci_low": "double",
        "median_ci_high": "double",
        "n_events_in_all": "bigint",
    },
    column_descriptions={
        "stratum_no": "The stratum, by the number of int_patient_stratum.",
        "reading_no": "The instrument and what retreatment means, by the number of int_durability_reading.",
        "day": "Days since the last induction session, every seventh.",
        "survival": "Probability of not having lost response by the day; null past the last follow-up.",
        "ci_low": "Lower 95 % limit of survival; null where survival is 0 or 1.",
        "ci_high": "Upper 95 % limit of survival; null where survival is 0 or 1.",
        "n_at_risk": "Patients still followed and without an event just before the day.",
        "n_events": "Patients with the event of interest by the day.",
        "n_responders": "Patients in response at the end of induction; the same on every day.",
        "rmst_days": "Mean days in response up to the day, the area under Kaplan-Meier curves; on landmarks only.",
        "rmst_std_err": "Standard error of rmst_days (Greenwood).",
        "rmst_ci_low": "Lower 95 % limit of rmst_days.",
        "rmst_ci_high": "Upper 95 % limit of rmst_days.",
        "median_days": "First day with a probability of one half or less; the same on every day.",
        "median_ci_low": "Lower 95 % limit of the median (Brookmeyer-Crowley); like it null when not reached.",
        "median_ci_high": "Upper 95 % limit of the median; null when not reached.",
        "n_events_in_all": "Patients with the event of interest in all follow-up; the same on every day.",
    },
    grain=GRAIN,
    depends_on=["intermediate.int_durability_life_table", "intermediate.int_durability_reading"],
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    relations = {
        "life_table": "intermediate.int_durability_life_table",
        "reading": "intermediate.int_durability_reading",
    }
    return curve_rows(fetch(context, LIFE_TABLES, **relations), GRAIN[:2])
