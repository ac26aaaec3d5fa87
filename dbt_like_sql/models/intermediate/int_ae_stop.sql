MODEL (
  name intermediate.int_ae_stop,
  kind FULL,
  description 'Sessions with a complete form that stopped, or whose course ended, because of an adverse event.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    session_kind_no = 'Kind of the session, by the number of int_session.',
    measure = 'session_stopped or course_ended.',
    n_sessions = 'How many such sessions the patient has.'
  ),
  grain (patient_no, session_kind_no, measure),
  audits (
    not_null(columns := (patient_no, session_kind_no, measure, n_sessions)),
    unique_combination_of_columns(columns := (patient_no, session_kind_no, measure))
  )
);

-- What stopped the dose stands in the session, in an event, or in both.
with stopped as (
  select s.clinic_id, s.session_id,
  from staging.stg_session as s
  where s.stop_reason = 'adverse_event'
  union
  select e.clinic_id, e.session_id,
  from staging.stg_adverse_event as e
  where e.action = 'stopped' and e.session_id is not null
),

ended as (
  select c.clinic_id, c.course_id,
  from staging.stg_course as c
  where c.end_reason = 'adverse_event'
)

select s.patient_no, s.session_kind_no, 'session_stopped'::varchar as measure, count(*) as n_sessions,
from intermediate.int_session as s
inner join stopped as t
  on s.clinic_id = t.clinic_id and s.session_id = t.session_id
where s.ae_form_status = 'complete'
group by s.patient_no, s.session_kind_no
union all
select s.patient_no, s.session_kind_no, 'course_ended'::varchar as measure, count(*) as n_sessions,
from intermediate.int_session as s
inner join ended as c
  on s.clinic_id = c.clinic_id and s.course_id = c.course_id
where s.ae_form_status = 'complete'
group by s.patient_no, s.session_kind_no
