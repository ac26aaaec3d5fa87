MODEL (
  name intermediate.int_patient_window,
  kind VIEW,
  description 'Every treated patient and window: when it is, and whether data could have been recorded up to its end.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    time_window = 'The window.',
    window_start_day = 'First study day of the window.',
    window_end_day = 'Last study day of the window.',
    is_mature = 'Whether the data that may be used reach the end of the window; if not the patient is in no denominator.'
  ),
  grain (patient_no, time_window)
);

with anchored as (
  select
    c.patient_no,
    c.data_cut_day,
    w.time_window,
    w.start_day,
    w.end_day,
    case w.anchor when 'last_induction' then c.last_induction_day else c.course_start_day end as anchor_day,
  from intermediate.int_cohort as c
  cross join reference.time_windows as w
)

select
  a.patient_no,
  a.time_window,
  a.anchor_day + a.start_day as window_start_day,
  a.anchor_day + a.end_day as window_end_day,
  a.data_cut_day >= a.anchor_day + a.end_day as is_mature,
from anchored as a
