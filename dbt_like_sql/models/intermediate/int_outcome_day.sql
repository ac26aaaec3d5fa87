MODEL (
  name intermediate.int_outcome_day,
  kind VIEW,
  description 'The days of int_score_day after the start of the first induction course that can be an outcome.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    instrument = 'The outcome instrument.',
    study_day = 'Day of the score; 0 is the first ketamine session of the patient.',
    course_day = 'The same counted from the start of the first induction course.',
    score = 'The score of that day.',
    is_averaged = 'Whether the day has several scores.'
  ),
  grain (patient_no, instrument, study_day)
);

select
  d.patient_no,
  i.instrument,
  d.study_day,
  d.study_day - c.course_start_day as course_day,
  d.outcome_score as score,
  d.is_averaged,
from intermediate.int_score_day as d
inner join intermediate.int_cohort as c
  on d.patient_no = c.patient_no
inner join intermediate.int_instrument as i
  on d.instrument_no = i.instrument_no
where d.outcome_score is not null and d.study_day > c.course_start_day
