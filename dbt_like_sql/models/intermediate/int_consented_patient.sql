MODEL (
  name intermediate.int_consented_patient,
  kind FULL,
  description 'Patients whose data may be used: those whose latest consent state is not a withdrawal with deletion.',
  column_descriptions (
    patient_no = 'Number of the patient in this build, by which other intermediate models name it: a whole number is joined and written several times faster than two texts.',
    clinic_id = 'The clinic; patient ids are scoped by it.',
    patient_id = 'The patient, by the random id that the clinic minted.',
    data_cut_day = 'The last study day whose data may be used: the data cut, or the day before a withdrawal for the future.',
    sex = 'Sex as recorded.',
    age_band = 'Age band at entry.',
    weight_kg = 'Body weight as recorded, in kg.',
    age_group = 'under_46, 46_and_over or unknown: the split that five- or ten-year bands cannot give.'
  ),
  grain (clinic_id, patient_id),
  audits (
    not_null(columns := (patient_no, clinic_id, patient_id, data_cut_day)),
    unique_combination_of_columns(columns := (clinic_id, patient_id))
  )
);

with latest_state as (
  @consent_state(staging.stg_consent_event)
)

select
  row_number() over (order by p.clinic_id, p.patient_id)::integer as patient_no,
  p.clinic_id,
  p.patient_id,
  case
    when l.event = 'withdrawn_future' then least(p.data_cut_day, l.study_day - 1)
    else p.data_cut_day
  end::integer as data_cut_day,
  p.sex,
  p.age_band,
  p.weight_kg,
  case
    when coalesce(p.age_ge_46, p.age_years >= 46) then '46_and_over'
    when not coalesce(p.age_ge_46, p.age_years >= 46) then 'under_46'
    else 'unknown'
  end as age_group,
from staging.stg_patient as p
left join latest_state as l
  on p.clinic_id = l.clinic_id and p.patient_id = l.patient_id
where coalesce(l.event, 'none') <> 'withdrawn_delete'
