MODEL (
  name intermediate.int_durability_follow_up,
  kind FULL,
  description 'What ends the follow-up of response after induction: retreatment and death, per treated patient.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    last_induction_day = 'Day of the last induction session, where durability counts from.',
    retreatment_day = 'First session more than maintenance_gap_days later, whatever course it belongs to; null when none.',
    death_day = 'Day of death on file, from the end of a course, a follow-up contact or a fatal event; null when none.'
  ),
  grain (patient_no),
  audits (
    not_null(columns := (patient_no, last_induction_day)),
    unique_combination_of_columns(columns := (patient_no))
  )
);

with retreatments as (
  select
    c.patient_no,
    min(s.study_day) as retreatment_day,
  from intermediate.int_cohort as c
  inner join intermediate.int_session as s
    on c.patient_no = s.patient_no
  where s.study_day > c.last_induction_day + @maintenance_gap_days
  group by c.patient_no
),

death_records as (
  select k.clinic_id, k.patient_id, k.end_day as study_day,
  from staging.stg_course as k
  where k.end_reason = 'death'
  union all
  select f.clinic_id, f.patient_id, f.study_day,
  from staging.stg_followup_contact as f
  where f.vital_status = 'dead'
  union all
  select k.clinic_id, k.patient_id, e.onset_day as study_day,
  from staging.stg_adverse_event as e
  inner join staging.stg_session as s
    on e.clinic_id = s.clinic_id and e.session_id = s.session_id
  inner join staging.stg_course as k
    on s.clinic_id = k.clinic_id and s.course_id = k.course_id
  where e.outcome = 'fatal'
  union all
  select f.clinic_id, f.patient_id, e.onset_day as study_day,
  from staging.stg_adverse_event as e
  inner join staging.stg_followup_contact as f
    on e.clinic_id = f.clinic_id and e.followup_id = f.followup_id
  where e.outcome = 'fatal'
),

deaths as (
  select p.patient_no, min(d.study_day) as death_day,
  from death_records as d
  inner join intermediate.int_consented_patient as p
    on d.clinic_id = p.clinic_id and d.patient_id = p.patient_id
  where d.study_day <= p.data_cut_day
  group by p.patient_no
)

select
  c.patient_no,
  c.last_induction_day,
  r.retreatment_day,
  d.death_day,
from intermediate.int_cohort as c
left join retreatments as r
  on c.patient_no = r.patient_no
left join deaths as d
  on c.patient_no = d.patient_no
