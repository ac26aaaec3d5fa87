MODEL (
  name intermediate.int_window_score,
  kind FULL,
  description 'The score of each treated patient, instrument and window: nearest to the target, of equally near days the later, several on that day averaged.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    instrument = 'The outcome instrument.',
    time_window = 'The window.',
    window_day = 'Day of the score counted from the anchor of the window.',
    window_score = 'The score of that day.',
    is_averaged = 'Whether several scores of the day were averaged.'
  ),
  grain (patient_no, instrument, time_window),
  audits (
    not_null(columns := (patient_no, instrument, time_window, window_score)),
    unique_combination_of_columns(columns := (patient_no, instrument, time_window))
  )
);

with anchored as (
  select
    d.patient_no,
    d.instrument,
    d.score,
    d.is_averaged,
    w.time_window,
    w.start_day,
    w.target_day,
    w.end_day,
    d.study_day - case w.anchor when 'last_induction' then c.last_induction_day else c.course_start_day end
      as window_day,
  from intermediate.int_outcome_day as d
  inner join intermediate.int_cohort as c
    on d.patient_no = c.patient_no
  cross join reference.time_windows as w
),

ranked as (
  select
    a.patient_no,
    a.instrument,
    a.time_window,
    a.window_day,
    a.score,
    a.is_averaged,
    row_number() over (
      partition by a.patient_no, a.instrument, a.time_window
      order by abs(a.window_day - a.target_day), a.window_day desc
    ) as nearness,
  from anchored as a
  where a.window_day between a.start_day and a.end_day
)

select
  r.patient_no,
  r.instrument,
  r.time_window,
  r.window_day,
  r.score as window_score,
  r.is_averaged,
from ranked as r
where r.nearness = 1
