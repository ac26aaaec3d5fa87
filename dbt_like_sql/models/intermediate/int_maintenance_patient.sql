MODEL (
  name intermediate.int_maintenance_patient,
  kind FULL,
  description 'Maintenance of each treated patient after the first induction course, whatever course or name the sessions have. The last session of induction is day 0.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    follow_up_days = 'Days of follow-up: to the data cut, or to death.',
    first_day = 'Day of the first maintenance session; null when there is none.',
    n_boosters = 'Maintenance sessions.'
  ),
  grain (patient_no),
  audits (
    not_null(columns := (patient_no, follow_up_days, n_boosters)),
    unique_combination_of_columns(columns := (patient_no)),
    forall(criteria := (follow_up_days >= 0, n_boosters >= 0, (first_day is null) = (n_boosters = 0)))
  )
);

with boosters as (
  select c.patient_no, min(s.study_day) - max(c.last_induction_day) as first_day, count(*) as n_boosters,
  from intermediate.int_cohort as c
  inner join intermediate.int_session as s
    on c.patient_no = s.patient_no
  where s.phase_derived = 'maintenance' and s.study_day > c.last_induction_day
  group by c.patient_no
)

select
  c.patient_no,
  (greatest(least(c.data_cut_day, coalesce(d.death_day, c.data_cut_day)), c.last_induction_day) - c.last_induction_day)
    ::integer as follow_up_days,
  b.first_day,
  coalesce(b.n_boosters, 0) as n_boosters,
from intermediate.int_cohort as c
left join intermediate.int_durability_follow_up as d
  on c.patient_no = d.patient_no
left join boosters as b
  on c.patient_no = b.patient_no
