MODEL (
  name intermediate.int_course,
  kind FULL,
  description 'The induction courses with a session of each treated patient, in order of their first sessions. Course 1 is that of int_cohort.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    course_no = 'Number of the course among the induction courses of the patient, from 1; not the number that the clinic gave it.',
    course_start_day = 'Start day of the course; windows count from it.',
    last_induction_day = 'Day of the last session of the course that is still induction.',
    retreatment_day = 'Day of the first session after that, of whatever course or purpose; null when there is none.',
    data_cut_day = 'The last study day whose data may be used.'
  ),
  grain (patient_no, course_no),
  audits (
    not_null(columns := (patient_no, course_no, course_start_day, last_induction_day, data_cut_day)),
    unique_combination_of_columns(columns := (patient_no, course_no))
  )
);

with inductions as (
  select
    s.patient_no,
    s.clinic_id,
    s.course_id,
    min(s.study_day) as first_day,
    max(s.study_day) as last_induction_day,
  from intermediate.int_session as s
  where s.course_intent = 'induction' and s.phase_derived = 'induction'
  group by s.patient_no, s.clinic_id, s.course_id
),

later as (
  select
    i.patient_no,
    1 + row_number() over (partition by i.patient_no order by i.first_day, k.course_no, i.course_id) as course_no,
    k.start_day as course_start_day,
    i.last_induction_day,
    c.data_cut_day,
  from inductions as i
  inner join intermediate.int_cohort as c
    on i.patient_no = c.patient_no and i.course_id <> c.course_id
  inner join staging.stg_course as k
    on i.clinic_id = k.clinic_id and i.course_id = k.course_id
),

courses as (
  select c.patient_no, 1 as course_no, c.course_start_day, c.last_induction_day, c.data_cut_day,
  from intermediate.int_cohort as c
  union all
  select l.patient_no, l.course_no, l.course_start_day, l.last_induction_day, l.data_cut_day,
  from later as l
),

retreatments as (
  select c.patient_no, c.course_no, min(s.study_day) as retreatment_day,
  from courses as c
  inner join intermediate.int_session as s
    on c.patient_no = s.patient_no and s.study_day > c.last_induction_day
  group by c.patient_no, c.course_no
)

select
  c.patient_no,
  c.course_no::integer as course_no,
  c.course_start_day,
  c.last_induction_day,
  r.retreatment_day,
  c.data_cut_day,
from courses as c
left join retreatments as r
  on c.patient_no = r.patient_no and c.course_no = r.course_no
