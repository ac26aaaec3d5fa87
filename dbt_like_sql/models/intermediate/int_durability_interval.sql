MODEL (
  name intermediate.int_durability_interval,
  kind FULL,
  description 'Between which two visits evaluable patients lost response; of all patients and of each indication.',
  column_descriptions (
    indication = 'all, or the diagnosis that the course was for.',
    instrument = 'The outcome instrument.',
    low_days = 'Days to the last assessment in response.',
    high_days = 'Days to the first one out of response; null when there is none.',
    n_patients = 'Patients with this interval.'
  ),
  grain (indication, instrument, low_days, high_days),
  audits (
    not_null(columns := (indication, instrument, low_days, n_patients)),
    unique_combination_of_columns(columns := (indication, instrument, low_days, high_days)),
    forall(criteria := (low_days < high_days))
  )
);

select
  s.indication,
  p.instrument,
  p.interval_low_days as low_days,
  p.interval_high_days as high_days,
  count(*)::integer as n_patients,
from intermediate.int_durability_patient as p
inner join intermediate.int_patient_kind as k
  on p.patient_no = k.patient_no
inner join intermediate.int_patient_stratum as s
  on k.patient_kind_no = s.patient_kind_no
where p.is_evaluable and s.dimension = 'overall'
group by s.indication, p.instrument, p.interval_low_days, p.interval_high_days
