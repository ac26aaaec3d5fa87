MODEL (
  name intermediate.int_response,
  kind FULL,
  description 'Every eligible patient, instrument and window: whether the window is mature, what was observed in it, and which definitions that meets. Retreatment before the assessment does not change the score used.',
  column_descriptions (
    clinic_id = 'The clinic.',
    patient_id = 'The patient.',
    instrument = 'The outcome instrument.',
    time_window = 'The window.',
    indication_code = 'Diagnosis that the course is for.',
    route_code = 'Route of the first session of the course.',
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
  grain (clinic_id, patient_id, instrument, time_window),
  audits (
    not_null(columns := (clinic_id, patient_id, instrument, time_window, is_mature, is_observed, carried_score)),
    unique_combination_of_columns(columns := (clinic_id, patient_id, instrument, time_window))
  )
);

with evaluable as (
  select
    b.clinic_id,
    b.patient_id,
    b.instrument,
    w.time_window,
    c.indication_code,
    c.route_code,
    b.baseline_score,
    case w.anchor when 'last_induction' then c.last_induction_day else c.course_start_day end + w.end_day
      as window_end_day,
    c.data_cut_day,
  from intermediate.int_baseline as b
  inner join intermediate.int_cohort as c
    on b.clinic_id = c.clinic_id and b.patient_id = c.patient_id
  cross join reference.time_windows as w
  where b.is_eligible
),

observed as (
  select e.*, s.window_score,
  from evaluable as e
  left join intermediate.int_window_score as s
    on e.clinic_id = s.clinic_id
    and e.patient_id = s.patient_id
    and e.instrument = s.instrument
    and e.time_window = s.time_window
),

-- What lies before a window that nobody was seen in. An observed window carries nothing forward.
earlier as (
  select
    o.clinic_id,
    o.patient_id,
    o.instrument,
    o.time_window,
    max(s.study_day) as last_day,
  from observed as o
  inner join intermediate.int_score as s
    on o.clinic_id = s.clinic_id and o.patient_id = s.patient_id and o.instrument = s.instrument
  where o.window_score is null and s.can_be_outcome and s.course_day > 0 and s.study_day <= o.window_end_day
  group by o.clinic_id, o.patient_id, o.instrument, o.time_window
),

earlier_score as (
  select
    l.clinic_id,
    l.patient_id,
    l.instrument,
    l.time_window,
    avg(s.score)::decimal(14, 8) as score,
  from earlier as l
  inner join intermediate.int_score as s
    on l.clinic_id = s.clinic_id
    and l.patient_id = s.patient_id
    and l.instrument = s.instrument
    and l.last_day = s.study_day
  where s.can_be_outcome
  group by l.clinic_id, l.patient_id, l.instrument, l.time_window
),

carried as (
  select o.*, coalesce(o.window_score, l.score, o.baseline_score) as carried_score,
  from observed as o
  left join earlier_score as l
    on o.clinic_id = l.clinic_id
    and o.patient_id = l.patient_id
    and o.instrument = l.instrument
    and o.time_window = l.time_window
)

select
  c.clinic_id,
  c.patient_id,
  c.instrument,
  c.time_window,
  c.indication_code,
  c.route_code,
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
