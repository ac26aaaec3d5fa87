MODEL (
  name intermediate.int_durability_follow_up,
  kind FULL,
  description 'What ends the follow-up of response after induction: retreatment and death, per treated patient.',
  column_descriptions (
    clinic_id = 'The clinic.',
    patient_id = 'The patient.',
    last_induction_day = 'Day of the last induction session, where durability counts from.',
    retreatment_day = 'First session more than maintenance_gap_days later, whatever course it belongs to; null when none.',
    death_day = 'Day of death on file, from the end of a course, a follow-up contact or a fatal event; null when none.'
  ),
  grain (clinic_id, patient_id),
  audits (
    not_null(columns := (clinic_id, patient_id, last_induction_day)),
    unique_combination_of_columns(columns := (clinic_id, patient_id))
  )
);

with retreatments as (
  select
    c.clinic_id,
    c.patient_id,
    min(s.study_day) as retreatment_day,
  from intermediate.int_cohort as c
  inner join intermediate.int_session as s
    on c.clinic_id = s.clinic_id and c.patient_id = s.patient_id
  where s.study_day > c.last_induction_day + @maintenance_gap_days
  group by c.clinic_id, c.patient_id
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
  select s.clinic_id, s.patient_id, e.onset_day as study_day,
  from staging.stg_adverse_event as e
  inner join intermediate.int_session as s
    on e.clinic_id = s.clinic_id and e.session_id = s.session_id
  where e.outcome = 'fatal'
  union all
  select f.clinic_id, f.patient_id, e.onset_day as study_day,
  from staging.stg_adverse_event as e
  inner join staging.stg_followup_contact as f
    on e.clinic_id = f.clinic_id and e.followup_id = f.followup_id
  where e.outcome = 'fatal'
),

deaths as (
  select d.clinic_id, d.patient_id, min(d.study_day) as death_day,
  from death_records as d
  inner join intermediate.int_consented_patient as p
    on d.clinic_id = p.clinic_id and d.patient_id = p.patient_id
  where d.study_day <= p.data_cut_day
  group by d.clinic_id, d.patient_id
)

select
  c.clinic_id,
  c.patient_id,
  c.last_induction_day,
  r.retreatment_day,
  d.death_day,
from intermediate.int_cohort as c
left join retreatments as r
  on c.clinic_id = r.clinic_id and c.patient_id = r.patient_id
left join deaths as d
  on c.clinic_id = d.clinic_id and c.patient_id = d.patient_id
