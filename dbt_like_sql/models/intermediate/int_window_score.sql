MODEL (
  name intermediate.int_window_score,
  kind FULL,
  description 'The score of each treated patient, instrument and window: nearest to the target, of equally near days the later, several on that day averaged.',
  column_descriptions (
    clinic_id = 'The clinic.',
    patient_id = 'The patient.',
    instrument = 'The outcome instrument.',
    time_window = 'The window.',
    window_day = 'Day of the score counted from the anchor of the window.',
    window_score = 'The score of that day.',
    is_averaged = 'Whether several scores of the day were averaged.'
  ),
  grain (clinic_id, patient_id, instrument, time_window),
  audits (
    not_null(columns := (clinic_id, patient_id, instrument, time_window, window_score)),
    unique_combination_of_columns(columns := (clinic_id, patient_id, instrument, time_window))
  )
);

with days as (
  select
    s.clinic_id,
    s.patient_id,
    s.instrument,
    s.study_day,
    avg(s.score)::decimal(14, 8) as score,
    count(*) > 1 as is_averaged,
  from intermediate.int_score as s
  where s.can_be_outcome and s.course_day > 0
  group by s.clinic_id, s.patient_id, s.instrument, s.study_day
),

anchored as (
  select
    d.clinic_id,
    d.patient_id,
    d.instrument,
    d.score,
    d.is_averaged,
    w.time_window,
    w.start_day,
    w.target_day,
    w.end_day,
    d.study_day - case w.anchor when 'last_induction' then c.last_induction_day else c.course_start_day end
      as window_day,
  from days as d
  inner join intermediate.int_cohort as c
    on d.clinic_id = c.clinic_id and d.patient_id = c.patient_id
  cross join reference.time_windows as w
),

ranked as (
  select
    a.clinic_id,
    a.patient_id,
    a.instrument,
    a.time_window,
    a.window_day,
    a.score,
    a.is_averaged,
    row_number() over (
      partition by a.clinic_id, a.patient_id, a.instrument, a.time_window
      order by abs(a.window_day - a.target_day), a.window_day desc
    ) as nearness,
  from anchored as a
  where a.window_day between a.start_day and a.end_day
)

select
  r.clinic_id,
  r.patient_id,
  r.instrument,
  r.time_window,
  r.window_day,
  r.score as window_score,
  r.is_averaged,
from ranked as r
where r.nearness = 1
