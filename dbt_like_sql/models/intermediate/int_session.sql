MODEL (
  name intermediate.int_session,
  kind FULL,
  description 'Sessions of consented patients up to their data cut, with the phase derived from the days, not as reported.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    clinic_id = 'The clinic.',
    course_id = 'The course that the session belongs to.',
    session_id = 'The session.',
    session_no = 'Number of the session in its course, as the clinic counts.',
    study_day = 'Day of the session; 0 is the first ketamine session of the patient.',
    course_intent = 'Intent of the course: induction, maintenance, rescue or palliative.',
    route_code = 'Route of the dose.',
    indication_code = 'Diagnosis that the course is for, or unknown.',
    phase_derived = 'Induction until a gap of more than maintenance_gap_days within the course, maintenance after it; courses of maintenance or rescue are maintenance throughout.',
    ae_form_status = 'Whether adverse events were asked for (complete), only taken when offered, or not asked.',
    dose_mg = 'Dose in mg, null when missing.',
    session_kind_no = 'Number of its combination of route, diagnosis and status of the adverse-event form in this build.'
  ),
  grain (clinic_id, session_id),
  audits (
    not_null(columns := (patient_no, clinic_id, course_id, session_id, study_day, phase_derived, session_kind_no)),
    unique_combination_of_columns(columns := (clinic_id, session_id)),
    accepted_values(column := phase_derived, is_in := ('induction', 'maintenance'))
  )
);

with sessions as (
  select
    p.patient_no,
    s.clinic_id,
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

kinds as (
  select
    k.route_code,
    k.indication_code,
    k.ae_form_status,
    row_number() over (order by k.route_code, k.indication_code, k.ae_form_status)::integer as session_kind_no,
  from (
    select distinct s.route_code, s.indication_code, s.ae_form_status
    from sessions as s
  ) as k
),

gaps as (
  select
    s.patient_no,
    s.course_id,
    s.study_day,
    s.study_day - lag(s.study_day) over (partition by s.patient_no, s.course_id order by s.study_day)
      as days_since_previous,
  from sessions as s
),

-- Once induction has ended it stays ended, so the first long gap decides for all later sessions of the course.
maintenance as (
  select g.patient_no, g.course_id, min(g.study_day) as start_day,
  from gaps as g
  where g.days_since_previous > @maintenance_gap_days
  group by g.patient_no, g.course_id
)

select
  s.patient_no,
  s.clinic_id,
  s.course_id,
  s.session_id,
  s.session_no,
  s.study_day,
  s.course_intent,
  s.route_code,
  s.indication_code,
  case
    when s.course_intent in ('maintenance', 'rescue') or s.study_day >= m.start_day then 'maintenance'
    else 'induction'
  end as phase_derived,
  s.ae_form_status,
  s.dose_mg,
  k.session_kind_no,
from sessions as s
left join kinds as k
  on s.route_code = k.route_code and s.indication_code = k.indication_code and s.ae_form_status = k.ae_form_status
left join maintenance as m
  on s.patient_no = m.patient_no and s.course_id = m.course_id
