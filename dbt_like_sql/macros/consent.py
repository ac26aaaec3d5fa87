"""The one reading of consent events, as a macro."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator

from registry_pipeline.warehouse.consent import consent_state_query


@macro()
def consent_state(_evaluator: MacroEvaluator, events: exp.Expr) -> str:
    """Select the latest event of each patient that says whether the registry may use the data."""
    return consent_state_query(events.sql(), "clinic_id", "patient_id", "event", "study_day")
