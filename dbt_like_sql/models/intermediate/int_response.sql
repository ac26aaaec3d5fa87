MODEL (
  name intermediate.int_response,
  kind FULL,
  description 'Every eligible patient, instrument and window: whether the window is mature, what was observed in it, and which definitions that meets. Retreatment before the assessment does not change the score used.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    instrument = 'The outcome instrument.',
    time_window = 'The window.',
    is_mature = 'Whether data could have been recorded up to the end of the window; if not the patient is in no denominator.',
    baseline_score = 'The baseline.',
    window_score = 'The score in the window, null when there is none.',
    carried_score = 'The score in the window, else the last valid one before it, else the baseline.',
    is_observed = 'Whether there is a score in the window.',
    is_response = 'Whether the window score is a response; null when not observed.',
    is_substantial = 'Whether it is a substantial response; null when not observed or not defined.',
    is_remission = 'Whether it is a remission; null when not observed or not defined.',
    is_deterioration = 'Whether it is a deterioration; null when not observed or not defined.',
    is_response_carried = 'Whether the carried score is a response.',
    is_substantial_carried = 'Whether the carried score is a substantial response; null when not defined.',
    is_remission_carried = 'Whether the carried score is a remission; null when not defined.',
    is_deterioration_carried = 'Whether the carried score is a deterioration; null when not defined.'
  ),
  grain (patient_no, instrument, time_window),
  audits (
    not_null(columns := (patient_no, instrument, time_window, is_mature, is_observed, carried_score)),
    unique_combination_of_columns(columns := (patient_no, instrument, time_window))
  )
);

with evaluable as (
  select
    b.patient_no,
    b.instrument,
    w.time_window,
    b.baseline_score,
    case w.anchor when 'last_induction' then c.last_induction_day else c.course_start_day end + w.end_day
      as window_end_day,
    c.data_cut_day,
  from intermediate.int_baseline as b
  inner join intermediate.int_cohort as c
    on b.patient_no = c.patient_no
  cross join reference.time_windows as w
  where b.is_eligible
),

observed as (
  select e.*, s.window_score,
  from evaluable as e
  left join intermediate.int_window_score as s
    on e.patient_no = s.patient_no
    and e.instrument = s.instrument
    and e.time_window = s.time_window
),

-- A window that nobody was seen in takes the last score before its end: ends and scores in one line of days.
days as (
  select d.patient_no, d.instrument, d.study_day, null as time_window, d.score,
  from intermediate.int_outcome_day as d
  union all
  select o.patient_no, o.instrument, o.window_end_day as study_day, o.time_window, null as score,
  from observed as o
  where o.window_score is null
),

-- nulls first: a score on the very day on which a window ends is still in it.
last_scores as (
  select
    d.patient_no,
    d.instrument,
    d.time_window,
    last_value(d.score ignore nulls) over (
      partition by d.patient_no, d.instrument order by d.study_day, d.time_window nulls first
      rows between unbounded preceding and current row
    ) as score,
  from days as d
),

carried as (
  select o.*, coalesce(o.window_score, l.score, o.baseline_score) as carried_score,
  from observed as o
  left join last_scores as l
    on o.patient_no = l.patient_no and o.instrument = l.instrument and o.time_window = l.time_window
)

select
  c.patient_no,
  c.instrument,
  c.time_window,
  c.data_cut_day >= c.window_end_day as is_mature,
  c.baseline_score,
  c.window_score,
  c.carried_score,
  c.window_score is not null as is_observed,
  @reaches(i.response_kind, i.response_threshold, i.better, c.baseline_score, c.window_score) as is_response,
  @reaches(i.response_kind, i.substantial_threshold, i.better, c.baseline_score, c.window_score) as is_substantial,
  @in_remission(i.remission_op, i.remission_score, c.window_score) as is_remission,
  @deteriorates(i.deterioration_points, i.better, c.baseline_score, c.window_score) as is_deterioration,
  @reaches(i.response_kind, i.response_threshold, i.better, c.baseline_score, c.carried_score) as is_response_carried,
  @reaches(i.response_kind, i.substantial_threshold, i.better, c.baseline_score, c.carried_score)
    as is_substantial_carried,
  @in_remission(i.remission_op, i.remission_score, c.carried_score) as is_remission_carried,
  @deteriorates(i.deterioration_points, i.better, c.baseline_score, c.carried_score) as is_deterioration_carried,
from carried as c
inner join reference.instruments as i
  on c.instrument = i.instrument
