MODEL (
  name intermediate.int_patient_stratum,
  kind FULL,
  description 'The strata that each kind of patient lies in: the one place that says what a dimension of patients is. A new dimension is a column of int_patient_kind, a row of reference.strata and a line here.',
  column_descriptions (
    patient_kind_no = 'The kind of patient, by the number of int_patient_kind.',
    indication = 'all, or the diagnosis that the stratum is within.',
    dimension = 'What level is a level of.',
    level = 'The level; all when dimension is overall.'
  ),
  grain (patient_kind_no, indication, dimension),
  audits (
    not_null(columns := (patient_kind_no, indication, dimension, level)),
    unique_combination_of_columns(columns := (patient_kind_no, indication, dimension))
  )
);

with kinds as (
  select distinct
    p.patient_kind_no,
    p.indication_code,
    p.clinic_id,
    p.route_code,
    p.setting_code,
    p.place_code,
    p.hour_band,
    p.dose_band,
    p.cumulative_dose,
    p.age_group,
    p.psychotherapy,
    p.rehabilitation,
  from intermediate.int_patient_kind as p
)

select
  k.patient_kind_no,
  case when s.has_indication then k.indication_code else 'all' end as indication,
  s.dimension,
  case s.dimension
    when 'clinic' then k.clinic_id
    when 'indication' then k.indication_code
    when 'route' then k.route_code
    when 'setting' then k.setting_code
    when 'place' then k.place_code
    when 'hour' then k.hour_band
    when 'dose' then k.dose_band
    when 'cumulative_dose' then k.cumulative_dose
    when 'age_group' then k.age_group
    when 'psychotherapy' then k.psychotherapy
    when 'rehabilitation' then k.rehabilitation
    else 'all'
  end as level,
from kinds as k
cross join reference.strata as s
where s.is_of_patients
