"""How many sessions with an adverse event a patient has had, week by week."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.statistics.recurrent import recurrence_rows
from registry_pipeline.warehouse.python_models import Tables, fetch, python_model

if TYPE_CHECKING:
    import pandas as pd

GRAIN = ["ae_term", "dimension", "level", "day"]
RULES = (
    "n_patients_with <= n_patients",
    "n_at_risk <= n_patients",
    "n_patients_with <= n_events",
    "ci_low <= mean_events and mean_events <= ci_high",
)


@python_model(
    "marts.adverse_event_recurrence",
    description=(
        "Mean number of sessions with each adverse event per patient, week by week from the first session (mean "
        "cumulative function). Observed in registry, uncontrolled."
    ),
    columns={
        "ae_term": "varchar",
        "dimension": "varchar",
        "level": "varchar",
        "day": "integer",
        "n_patients": "bigint",
        "n_at_risk": "bigint",
        "n_patients_with": "bigint",
        "n_events": "bigint",
        "mean_events": "double",
        "std_err": "double",
        "ci_low": "double",
        "ci_high": "double",
        "ci_method": "varchar",
        "is_suppressed": "boolean",
        "suppression_reason": "varchar",
    },
    grain=GRAIN,
    depends_on=["intermediate.int_ae_recurrence", "intermediate.int_ae_follow_up"],
    filled=["n_patients", "n_at_risk", "n_patients_with", "n_events"],
    rules=RULES,
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    rows = recurrence_rows(
        fetch(context, "select * from {daily}", daily="intermediate.int_ae_recurrence"),
        fetch(context, "select * from {follow_up}", follow_up="intermediate.int_ae_follow_up"),
    )
    return rows.assign(ci_method="lawless_nadeau_log", is_suppressed=False, suppression_reason=None)
