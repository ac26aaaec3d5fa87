MODEL (
  name intermediate.int_ae_event,
  kind FULL,
  description 'Sessions with an adverse event: one row per session and term however often it was noted, and one for the term any.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    session_id = 'The session after which the event was noted. Events noted at a follow-up contact are not here.',
    session_kind_no = 'Its kind, by the number of int_session.',
    ae_term = 'Term of the adverse event, or any for a session with at least one.',
    first_onset_day = 'Study day of the first onset.'
  ),
  grain (patient_no, session_id, ae_term),
  audits (
    not_null(columns := (patient_no, session_id, session_kind_no, ae_term, first_onset_day)),
    unique_combination_of_columns(columns := (patient_no, session_id, ae_term))
  )
);

with noted as (
  select
    s.patient_no,
    s.session_id,
    s.session_kind_no,
    e.ae_term,
    min(e.onset_day) as first_onset_day,
  from intermediate.int_session as s
  inner join staging.stg_adverse_event as e
    on s.clinic_id = e.clinic_id and s.session_id = e.session_id
  group by s.patient_no, s.session_id, s.session_kind_no, e.ae_term
),

any_term as (
  select n.patient_no, n.session_id, n.session_kind_no, min(n.first_onset_day) as first_onset_day,
  from noted as n
  group by n.patient_no, n.session_id, n.session_kind_no
)

select n.patient_no, n.session_id, n.session_kind_no, n.ae_term, n.first_onset_day,
from noted as n
union all
select a.patient_no, a.session_id, a.session_kind_no, 'any' as ae_term, a.first_onset_day,
from any_term as a
