MODEL (
  name intermediate.int_ae_event,
  kind VIEW,
  description 'Sessions with an adverse event: one row per session and term however often it was noted, and one for the term any.',
  column_descriptions (
    clinic_id = 'The clinic.',
    patient_id = 'The patient.',
    session_id = 'The session after which the event was noted. Events noted at a follow-up contact are not here.',
    ae_term = 'Term of the adverse event, or any for a session with at least one.',
    route_code = 'Route of the session.',
    indication_code = 'Diagnosis that the course of the session is for.',
    ae_form_status = 'Status of the adverse-event form of the session.',
    first_onset_day = 'Study day of the first onset.'
  ),
  grain (clinic_id, session_id, ae_term)
);

with noted as (
  select
    s.clinic_id,
    s.patient_id,
    s.session_id,
    e.ae_term,
    s.route_code,
    s.indication_code,
    s.ae_form_status,
    min(e.onset_day) as first_onset_day,
  from intermediate.int_session as s
  inner join staging.stg_adverse_event as e
    on s.clinic_id = e.clinic_id and s.session_id = e.session_id
  group by s.clinic_id, s.patient_id, s.session_id, e.ae_term, s.route_code, s.indication_code, s.ae_form_status
),

any_term as (
  select
    n.clinic_id,
    n.patient_id,
    n.session_id,
    'any' as ae_term,
    n.route_code,
    n.indication_code,
    n.ae_form_status,
    min(n.first_onset_day) as first_onset_day,
  from noted as n
  group by n.clinic_id, n.patient_id, n.session_id, n.route_code, n.indication_code, n.ae_form_status
)

select
  n.clinic_id, n.patient_id, n.session_id, n.ae_term, n.route_code, n.indication_code, n.ae_form_status,
  n.first_onset_day,
from noted as n
union all
select
  a.clinic_id, a.patient_id, a.session_id, a.ae_term, a.route_code, a.indication_code, a.ae_form_status,
  a.first_onset_day,
from any_term as a
