MODEL (
  name intermediate.int_score_day,
  kind FULL,
  description 'The score of each treated patient, instrument and day: several of a day averaged. The one relation that baselines, windows, carried scores and durability read. One row per key, since it groups by it.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    instrument_no = 'The outcome instrument, by the number of int_instrument.',
    study_day = 'Day of the score; 0 is the first ketamine session of the patient.',
    baseline_score = 'Mean of the scores of that day that can be a baseline; null when there are none.',
    outcome_score = 'Mean of the scores of that day that can be an outcome; null when there are none.',
    is_averaged = 'Whether the day has several scores.'
  ),
  grain (patient_no, instrument_no, study_day),
  audits (not_null(columns := (patient_no, instrument_no, study_day)))
);

select
  s.patient_no,
  i.instrument_no,
  s.study_day,
  avg(case when s.can_be_baseline then s.score end)::decimal(14, 8) as baseline_score,
  avg(case when s.can_be_outcome then s.score end)::decimal(14, 8) as outcome_score,
  count(*) > 1 as is_averaged,
from intermediate.int_score as s
inner join intermediate.int_instrument as i
  on s.instrument = i.instrument
where s.can_be_baseline or s.can_be_outcome
group by s.patient_no, i.instrument_no, s.study_day
