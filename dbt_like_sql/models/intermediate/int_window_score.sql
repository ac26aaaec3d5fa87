MODEL (
  name intermediate.int_window_score,
  kind VIEW,
  description 'The scores of int_course_response in the windows of first courses, eligible or not.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    instrument = 'The outcome instrument.',
    time_window = 'The window.',
    window_day = 'Day of the score counted from the anchor of the window.',
    window_score = 'The score of that day.',
    is_averaged = 'Whether the day has several scores.'
  ),
  grain (patient_no, instrument, time_window)
);

select
  r.patient_no,
  i.instrument,
  w.time_window,
  r.window_day,
  r.window_score,
  r.is_averaged,
from intermediate.int_course_response as r
inner join intermediate.int_instrument as i
  on r.instrument_no = i.instrument_no
inner join reference.time_windows as w
  on r.window_no = w.position
where r.course_no = 1 and r.window_score is not null
