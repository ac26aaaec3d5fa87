MODEL (
  name intermediate.int_cohort,
  kind FULL,
  description 'One row per treated patient: the first induction course with a session, which patient-level marts are about.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    clinic_id = 'The clinic.',
    patient_id = 'The patient, by the id that the clinic minted.',
    course_id = 'The first induction course that has a session.',
    indication_code = 'Diagnosis that the course is for, or unknown.',
    route_code = 'Route of the first session of the course.',
    setting_code = 'Where that session took place.',
    place_code = 'home or on_site, of that session.',
    hour_band = 'Time of day of that session.',
    dose_band = 'Dose by body weight of that session.',
    course_start_day = 'Start day of the course; windows count from it.',
    last_induction_day = 'Day of the last session of the course that is still induction.',
    data_cut_day = 'The last study day whose data may be used.'
  ),
  grain (patient_no),
  audits (
    not_null(columns := (patient_no, course_id, indication_code, route_code, course_start_day)),
    not_null(columns := (last_induction_day, data_cut_day)),
    unique_combination_of_columns(columns := (patient_no))
  )
);

with ranked as (
  select
    s.patient_no,
    s.course_id,
    s.indication_code,
    s.route_code,
    s.setting_code,
    s.place_code,
    s.hour_band,
    s.dose_band,
    c.start_day as course_start_day,
    row_number() over (
      partition by s.patient_no order by s.study_day, c.course_no, s.course_id, s.session_no, s.session_id
    ) as position,
  from intermediate.int_session as s
  inner join staging.stg_course as c
    on s.clinic_id = c.clinic_id and s.course_id = c.course_id
  where s.course_intent = 'induction'
),

first_session as (
  select
    r.patient_no,
    r.course_id,
    r.indication_code,
    r.route_code,
    r.setting_code,
    r.place_code,
    r.hour_band,
    r.dose_band,
    r.course_start_day,
  from ranked as r
  where r.position = 1
),

induction_end as (
  select s.patient_no, s.course_id, max(s.study_day) as last_induction_day,
  from intermediate.int_session as s
  where s.phase_derived = 'induction'
  group by s.patient_no, s.course_id
)

select
  f.patient_no,
  p.clinic_id,
  p.patient_id,
  f.course_id,
  f.indication_code,
  f.route_code,
  f.setting_code,
  f.place_code,
  f.hour_band,
  f.dose_band,
  f.course_start_day,
  e.last_induction_day,
  p.data_cut_day,
from first_session as f
inner join induction_end as e
  on f.patient_no = e.patient_no and f.course_id = e.course_id
inner join intermediate.int_consented_patient as p
  on f.patient_no = p.patient_no
