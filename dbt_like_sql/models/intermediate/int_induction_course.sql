MODEL (
  name intermediate.int_induction_course,
  kind FULL,
  description 'Sessions, days and doses of the first induction course of each treated patient, added up.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    n_sessions = 'Induction sessions of the course.',
    n_doses = 'Of these, sessions with a dose in mg.',
    n_doses_per_kg = 'Of these, sessions with a dose in mg/kg.',
    n_days = 'Days from the first to the last of them, both included.',
    cumulative_dose_mg = 'Doses added up; null when one is missing.'
  ),
  grain (patient_no),
  audits (
    not_null(columns := (patient_no, n_sessions, n_doses, n_doses_per_kg, n_days)),
    unique_combination_of_columns(columns := (patient_no)),
    forall(criteria := (n_doses <= n_sessions, n_doses_per_kg <= n_sessions, n_days > 0))
  )
);

select
  s.patient_no,
  count(*) as n_sessions,
  count(s.dose_mg) as n_doses,
  count(s.dose_mg_per_kg) as n_doses_per_kg,
  max(s.study_day) - min(s.study_day) + 1 as n_days,
  case when count(*) = count(s.dose_mg) then sum(s.dose_mg) end as cumulative_dose_mg,
from intermediate.int_session as s
inner join intermediate.int_cohort as c
  on s.patient_no = c.patient_no and s.course_id = c.course_id
where s.phase_derived = 'induction'
group by s.patient_no
