MODEL (
  name intermediate.int_baseline,
  kind VIEW,
  description 'The baselines of int_course_baseline of first courses, which patient-level marts are about.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    instrument = 'The outcome instrument.',
    baseline_day = 'Day of the baseline counted from the start of the course, 0 or less.',
    baseline_score = 'The score of that day; the mean when there are several.',
    is_averaged = 'Whether the day has several scores.',
    is_eligible = 'Whether the baseline is bad enough for a response to mean something: above 0, and beyond the floor of the instrument.'
  ),
  grain (patient_no, instrument)
);

select
  b.patient_no,
  i.instrument,
  b.baseline_day,
  b.baseline_score,
  b.is_averaged,
  b.is_eligible,
from intermediate.int_course_baseline as b
inner join intermediate.int_instrument as i
  on b.instrument_no = i.instrument_no
where b.course_no = 1
