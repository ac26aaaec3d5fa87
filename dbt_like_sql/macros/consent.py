"""The one reading of consent events."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


@macro()
def consent_state(_evaluator: MacroEvaluator, events: exp.Expr) -> str:
    """Select the latest event of each patient that says whether the registry may use the data.

    Other events (off-label acknowledgement, home use) say nothing about that.
    """
    return f"""
    select s.clinic_id, s.patient_id, s.event, s.study_day
    from (
      select
        e.clinic_id,
        e.patient_id,
        e.event,
        e.study_day,
        row_number() over (partition by e.clinic_id, e.patient_id order by e.study_day desc, e.seq desc) as recency
      from {events.sql()} as e
      where e.event in ('registry_consent', 'withdrawn_future', 'withdrawn_delete')
    ) as s
    where s.recency = 1
    """
