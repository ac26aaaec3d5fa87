MODEL (
  name intermediate.int_session,
  kind FULL,
  description 'Sessions of consented patients up to their data cut, with the phase derived from the days, not as reported.',
  column_descriptions (
    clinic_id = 'The clinic.',
    patient_id = 'The patient, through the course.',
    course_id = 'The course that the session belongs to.',
    session_id = 'The session.',
    session_no = 'Number of the session in its course, as the clinic counts.',
    study_day = 'Day of the session; 0 is the first ketamine session of the patient.',
    course_intent = 'Intent of the course: induction, maintenance, rescue or palliative.',
    route_code = 'Route of the dose.',
    indication_code = 'Diagnosis that the course is for, or unknown.',
    phase_derived = 'Induction until a gap of more than maintenance_gap_days within the course, maintenance after it; courses of maintenance or rescue are maintenance throughout.',
    ae_form_status = 'Whether adverse events were asked for (complete), only taken when offered, or not asked.',
    dose_mg = 'Dose in mg, null when missing.'
  ),
  grain (clinic_id, session_id),
  audits (
    not_null(columns := (clinic_id, patient_id, course_id, session_id, study_day, phase_derived)),
    unique_combination_of_columns(columns := (clinic_id, session_id)),
    accepted_values(column := phase_derived, is_in := ('induction', 'maintenance'))
  )
);

with sessions as (
  select
    s.clinic_id,
    c.patient_id,
    s.course_id,
    s.session_id,
    s.session_no,
    s.study_day,
    c.intent as course_intent,
    s.route as route_code,
    coalesce(d.dx_code, 'unknown') as indication_code,
    s.ae_form_status,
    s.dose_mg,
  from staging.stg_session as s
  inner join staging.stg_course as c
    on s.clinic_id = c.clinic_id and s.course_id = c.course_id
  inner join intermediate.int_consented_patient as p
    on c.clinic_id = p.clinic_id and c.patient_id = p.patient_id
  left join staging.stg_diagnosis as d
    on c.clinic_id = d.clinic_id and c.patient_id = d.patient_id and c.target_dx_seq = d.dx_seq
  where s.study_day <= p.data_cut_day
),

gaps as (
  select
    s.*,
    s.study_day - lag(s.study_day) over (
      partition by s.clinic_id, s.course_id order by s.study_day, s.session_no, s.session_id
    ) as days_since_previous,
  from sessions as s
),

-- Once induction has ended it stays ended, so the first long gap decides for all later sessions of the course.
counted as (
  select
    g.*,
    sum(case when g.days_since_previous > @maintenance_gap_days then 1 else 0 end) over (
      partition by g.clinic_id, g.course_id order by g.study_day, g.session_no, g.session_id
      rows between unbounded preceding and current row
    ) as n_long_gaps,
  from gaps as g
)

select
  c.clinic_id,
  c.patient_id,
  c.course_id,
  c.session_id,
  c.session_no,
  c.study_day,
  c.course_intent,
  c.route_code,
  c.indication_code,
  case
    when c.course_intent in ('maintenance', 'rescue') or c.n_long_gaps > 0 then 'maintenance'
    else 'induction'
  end as phase_derived,
  c.ae_form_status,
  c.dose_mg,
from counted as c
