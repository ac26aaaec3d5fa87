MODEL (
  name intermediate.int_outcome_day,
  kind FULL,
  description 'The score of each treated patient, instrument and day that can be an outcome: several of a day averaged. The one relation that windows, carried scores and durability read.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    instrument = 'The outcome instrument.',
    study_day = 'Day of the score; 0 is the first ketamine session of the patient.',
    course_day = 'The same counted from the start of the first induction course.',
    score = 'The score of that day.',
    is_averaged = 'Whether several scores of the day were averaged.'
  ),
  grain (patient_no, instrument, study_day),
  audits (
    not_null(columns := (patient_no, instrument, study_day, course_day, score)),
    unique_combination_of_columns(columns := (patient_no, instrument, study_day))
  )
);

select
  s.patient_no,
  s.instrument,
  s.study_day,
  s.course_day,
  avg(s.score)::decimal(14, 8) as score,
  count(*) > 1 as is_averaged,
from intermediate.int_score as s
where s.can_be_outcome and s.course_day > 0
group by s.patient_no, s.instrument, s.study_day, s.course_day
