MODEL (
  name intermediate.int_patient_stratum,
  kind FULL,
  description 'The strata that each kind of patient lies in: the one place that says what a dimension of patients is. A new dimension is a column of int_patient_kind, a row of reference.strata and a line here.',
  column_descriptions (
    patient_kind_no = 'The kind of patient, by the number of int_patient_kind.',
    indication = 'all, or the diagnosis that the stratum is within.',
    dimension = 'What level is a level of.',
    level = 'The level; all when dimension is overall.',
    stratum_no = 'Number of (indication, dimension, level) in this build.'
  ),
  grain (patient_kind_no, indication, dimension),
  audits (
    not_null(columns := (patient_kind_no, indication, dimension, level, stratum_no)),
    unique_combination_of_columns(columns := (patient_kind_no, indication, dimension))
  )
);

with traits as (
  select distinct
    p.patient_kind_no,
    p.indication_code,
    p.clinic_id,
    p.route_code,
    p.setting_code,
    p.place_code,
    p.hour_band,
    p.dose_band,
    p.cumulative_dose_band,
    case
      when p.cumulative_dose_band in ('under_200_mg', '200_to_400_mg') then 'under_400_mg'
      when p.cumulative_dose_band in ('400_to_600_mg', '600_mg_and_over') then '400_mg_and_over'
      else p.cumulative_dose_band
    end as cumulative_dose,
    p.age_group,
    p.psychotherapy,
    p.rehabilitation,
  from intermediate.int_patient_kind as p
),

kinds as (
  select
    t.*,
    case
      when t.cumulative_dose in ('not_iv', 'unknown') then t.cumulative_dose
      when t.age_group = 'unknown' then 'unknown'
      else concat(t.age_group, '/', t.cumulative_dose)
    end as dose_and_age,
  from traits as t
),

strata as (
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
      when 'cumulative_dose_band' then k.cumulative_dose_band
      when 'age_group' then k.age_group
      when 'dose_and_age' then k.dose_and_age
      when 'psychotherapy' then k.psychotherapy
      when 'rehabilitation' then k.rehabilitation
      else 'all'
    end as level,
  from kinds as k
  cross join reference.strata as s
  where s.is_of_patients
)

select
  s.patient_kind_no,
  s.indication,
  s.dimension,
  s.level,
  dense_rank() over (order by s.indication, s.dimension, s.level)::integer as stratum_no,
from strata as s
