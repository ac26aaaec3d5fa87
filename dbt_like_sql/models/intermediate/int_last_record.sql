MODEL (
  name intermediate.int_last_record,
  kind FULL,
  description 'The last day on which each treated patient left any trace in the registry: a session, an assessment or a contact, up to the data cut.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    last_day = 'Study day of the last record.',
    death_day = 'Day of death on file; null when there is none.'
  ),
  grain (patient_no),
  audits (not_null(columns := (patient_no, last_day)), unique_combination_of_columns(columns := (patient_no)))
);

with sent as (
  select a.clinic_id, a.patient_id, a.study_day,
  from staging.stg_outcome_assessment as a
  union all
  select f.clinic_id, f.patient_id, f.study_day,
  from staging.stg_followup_contact as f
  -- What was only read from the record says nothing about the patient's being there.
  where f.type <> 'record_only'
),

records as (
  select c.patient_no, max(s.study_day) as last_day,
  from sent as s
  inner join intermediate.int_cohort as c
    on s.clinic_id = c.clinic_id and s.patient_id = c.patient_id
  where s.study_day <= c.data_cut_day
  group by c.patient_no
),

sessions as (
  select s.patient_no, max(s.study_day) as last_day,
  from intermediate.int_session as s
  group by s.patient_no
)

select
  s.patient_no,
  greatest(s.last_day, coalesce(r.last_day, s.last_day)) as last_day,
  d.death_day,
from sessions as s
inner join intermediate.int_durability_follow_up as d
  on s.patient_no = d.patient_no
left join records as r
  on s.patient_no = r.patient_no
