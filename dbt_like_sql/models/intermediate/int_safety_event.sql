MODEL (
  name intermediate.int_safety_event,
  kind FULL,
  description 'Patients with an adverse event of special interest or a fatal one, at a session or a follow-up contact.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    signal = 'The signal of reference.safety_signals.',
    ae_term = 'The term noted.',
    is_asked = 'Whether it was noted on a complete form at least once.',
    first_onset_day = 'Study day of the first onset.'
  ),
  grain (patient_no, signal, ae_term),
  audits (
    not_null(columns := (patient_no, signal, ae_term, is_asked, first_onset_day)),
    unique_combination_of_columns(columns := (patient_no, signal, ae_term))
  )
);

with signals as (
  select e.clinic_id, e.session_id, e.followup_id, e.ae_term, e.onset_day, t.signal,
  from staging.stg_adverse_event as e
  inner join reference.safety_terms as t
    on e.ae_term = t.ae_term
  union all
  select e.clinic_id, e.session_id, e.followup_id, e.ae_term, e.onset_day, 'death' as signal,
  from staging.stg_adverse_event as e
  where e.outcome = 'fatal'
),

noted as (
  select e.signal, e.ae_term, e.onset_day, s.patient_no, s.ae_form_status,
  from signals as e
  inner join intermediate.int_session as s
    on e.clinic_id = s.clinic_id and e.session_id = s.session_id
  union all
  select e.signal, e.ae_term, e.onset_day, p.patient_no, f.ae_form_status,
  from signals as e
  inner join staging.stg_followup_contact as f
    on e.clinic_id = f.clinic_id and e.followup_id = f.followup_id
  inner join intermediate.int_consented_patient as p
    on f.clinic_id = p.clinic_id and f.patient_id = p.patient_id
  where f.study_day <= p.data_cut_day
)

select
  n.patient_no,
  n.signal,
  n.ae_term,
  max(case when n.ae_form_status = 'complete' then 1 else 0 end) = 1 as is_asked,
  min(n.onset_day) as first_onset_day,
from noted as n
group by n.patient_no, n.signal, n.ae_term
