"""The one reading of consent events, for the models (through a macro) and for withdrawals.

What belongs here: which step of a patient's consent says whether the registry may use the data. What does not: which
record of a step is current (staging), and what follows from the state.
"""

CONSENT_STATES = ("registry_consent", "withdrawn_future", "withdrawn_delete")
"""Other events (off-label acknowledgement, home use) say nothing about whether the data may be used."""


def consent_state_query(events: str, *columns: str) -> str:
    """Return the SQL of the latest event of each patient that says whether the registry may use the data.

    Args:
        events: A relation with clinic_id, patient_id, event, study_day, seq.
        columns: What to select, from it.
    """
    latest, every = (", ".join(f"{alias}.{name}" for name in columns) for alias in "se")
    states = ", ".join(f"'{state}'" for state in CONSENT_STATES)
    return f"""
    select {latest}
    from (
      select
        {every},
        row_number() over (partition by e.clinic_id, e.patient_id order by e.study_day desc, e.seq desc) as recency
      from {events} as e
      where e.event in ({states})
    ) as s
    where s.recency = 1
    """
