MODEL (
  name intermediate.int_opioid_mme,
  kind FULL,
  description 'Opioids of each patient and day as morphine milligram equivalents: the doses times their factors, added up.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    study_day = 'Day of the doses; 0 is the first ketamine session of the patient.',
    mme_per_day = 'Morphine milligram equivalents of the day; null when an opioid taken that day has no factor (not convertible), never 0 for it.'
  ),
  grain (patient_no, study_day),
  audits (
    not_null(columns := (patient_no, study_day)),
    unique_combination_of_columns(columns := (patient_no, study_day)),
    forall(criteria := (mme_per_day is null or mme_per_day >= 0))
  )
);

with doses as (
  select
    p.patient_no,
    o.study_day,
    -- Nothing of an opioid is nothing, whatever its factor would be.
    case when o.daily_dose = 0 then 0 else o.daily_dose * f.mme_per_unit end::decimal(14, 8) as mme,
  from staging.stg_opioid_day as o
  inner join intermediate.int_consented_patient as p
    on o.clinic_id = p.clinic_id and o.patient_id = p.patient_id
  left join reference.mme_factors as f
    on o.opioid = f.opioid and o.unit = f.dose_unit
  where o.study_day <= p.data_cut_day
)

select
  d.patient_no,
  d.study_day,
  case when count(*) = count(d.mme) then sum(d.mme) end::decimal(14, 8) as mme_per_day,
from doses as d
group by d.patient_no, d.study_day
