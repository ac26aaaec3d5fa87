MODEL (
  name intermediate.int_course_response,
  kind FULL,
  description 'Every induction course, instrument and window with a baseline or a score: the score nearest to the target of the window (of equally near ones the later), the last score before it, and which definitions both meet. One row per key: exactly one score of a course is last before, or nearest to the target of, a window.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    course_no = 'The course, by the number of int_course.',
    instrument_no = 'The outcome instrument, by the number of int_instrument.',
    window_no = 'The window, by its position in reference.time_windows.',
    is_eligible = 'Whether there is a baseline, and an eligible one.',
    is_mature = 'Whether data could have been recorded up to the end of the window; if not the course is in no denominator.',
    is_averaged = 'Whether the day of the score used has several scores.',
    is_retreated = 'Whether a session after induction came before the day of the window score, or up to the end of the window when there is none. It does not change the score used.',
    window_day = 'Day of the window score, else of the last before the window, counted from the anchor of the window.',
    baseline_score = 'The baseline, null when there is none.',
    window_score = 'The score in the window, null when there is none.',
    score_before = 'The score before it, else the last before the end of the window; the first of them is the baseline.',
    is_response = 'Whether the window score is a response; null when not observed.',
    is_substantial = 'Whether it is a substantial response; null when not observed or not defined.',
    is_remission = 'Whether it is a remission; null when not observed or not defined.',
    is_remission_strict = 'Whether it is a remission by the stricter cut; null when not observed or not defined.',
    is_deterioration = 'Whether it is a deterioration; null when not observed or not defined.'
  ),
  grain (patient_no, course_no, instrument_no, window_no),
  audits (not_null(columns := (patient_no, course_no, instrument_no, window_no, is_mature)))
);

with courses as (
  select
    c.patient_no,
    c.course_no,
    c.course_start_day,
    c.last_induction_day - c.course_start_day as induction_days,
    c.retreatment_day - c.course_start_day as retreatment_day,
    c.data_cut_day - c.course_start_day as cut_day,
  from intermediate.int_course as c
),

-- The baseline opens the line of scores: with nothing after it, it is what is carried.
scores as (
  select
    c.patient_no,
    c.course_no,
    d.instrument_no,
    c.induction_days,
    c.retreatment_day,
    c.cut_day,
    d.study_day - c.course_start_day as score_day,
    d.outcome_score as score,
    d.is_averaged,
    null::decimal(14, 8) as baseline_score,
    false as is_eligible,
  from intermediate.int_score_day as d
  inner join courses as c
    on d.patient_no = c.patient_no and c.course_start_day < d.study_day
  where d.outcome_score is not null
  union all
  select
    c.patient_no,
    c.course_no,
    b.instrument_no,
    c.induction_days,
    c.retreatment_day,
    c.cut_day,
    b.baseline_day as score_day,
    b.baseline_score as score,
    b.is_averaged,
    b.baseline_score,
    b.is_eligible,
  from intermediate.int_course_baseline as b
  inner join courses as c
    on b.patient_no = c.patient_no and b.course_no = c.course_no
),

neighbours as (
  select
    s.patient_no,
    s.course_no,
    s.instrument_no,
    s.induction_days,
    s.retreatment_day,
    s.cut_day,
    s.score_day,
    s.score,
    s.is_averaged,
    first_value(s.baseline_score) over days as baseline_score,
    first_value(s.is_eligible) over days as is_eligible,
    (lag(s.score) over days)::decimal(14, 8) as previous_score,
    lag(s.score_day) over days as previous_day,
    lead(s.score_day) over days as next_day,
  from scores as s
  window days as (partition by s.patient_no, s.course_no, s.instrument_no order by s.score_day)
),

windows as (
  select
    w.position as window_no,
    w.start_day,
    w.target_day,
    w.end_day,
    case w.anchor when 'last_induction' then 1 else 0 end as is_after_induction,
  from reference.time_windows as w
),

-- What is in a window, and the last score before its end. Days count from the target of the window from here on, so that
-- nearness is the distance from 0.
placed as (
  select
    n.patient_no,
    n.course_no,
    n.instrument_no,
    w.window_no,
    n.is_eligible,
    n.cut_day >= w.end_day + w.is_after_induction * n.induction_days as is_mature,
    n.is_averaged,
    n.retreatment_day < n.score_day as is_score_retreated,
    n.retreatment_day <= w.end_day + w.is_after_induction * n.induction_days as is_window_retreated,
    n.score_day - w.is_after_induction * n.induction_days as window_day,
    n.baseline_score,
    n.score,
    n.previous_score,
    n.score_day - w.target_day - w.is_after_induction * n.induction_days as distance,
    n.previous_day - w.target_day - w.is_after_induction * n.induction_days as previous_distance,
    n.next_day - w.target_day - w.is_after_induction * n.induction_days as next_distance,
    w.start_day - w.target_day as first_distance,
    w.end_day - w.target_day as last_distance,
  from neighbours as n
  cross join windows as w
  where
    n.score_day <= w.end_day + w.is_after_induction * n.induction_days
    and (
      n.next_day is null
      or n.next_day > w.end_day + w.is_after_induction * n.induction_days
      or n.score_day >= w.start_day + w.is_after_induction * n.induction_days
    )
),

-- The distance falls up to the target and rises after it, so the nearest score is the one that no neighbour in the
-- window is nearer than. A last score before the window has no neighbour in it, and is carried.
read as (
  select
    p.patient_no,
    p.course_no,
    p.instrument_no,
    p.window_no,
    p.is_eligible,
    p.is_mature,
    p.is_averaged,
    coalesce(
      case when p.distance < p.first_distance then p.is_window_retreated else p.is_score_retreated end, false
    ) as is_retreated,
    p.window_day,
    p.baseline_score,
    case when p.distance >= p.first_distance then p.score end as window_score,
    case when p.distance >= p.first_distance then p.previous_score else p.score end as score_before,
  from placed as p
  where
    not coalesce(p.next_distance <= p.last_distance and abs(p.next_distance) <= abs(p.distance), false)
    and not coalesce(p.previous_distance >= p.first_distance and abs(p.previous_distance) < abs(p.distance), false)
)

select
  r.patient_no,
  r.course_no,
  r.instrument_no,
  r.window_no,
  r.is_eligible,
  r.is_mature,
  r.is_averaged,
  r.is_retreated,
  r.window_day,
  r.baseline_score,
  r.window_score,
  r.score_before,
  @reaches(i.response_kind, i.response_threshold, i.better, r.baseline_score, r.window_score) as is_response,
  @reaches(i.response_kind, i.substantial_threshold, i.better, r.baseline_score, r.window_score) as is_substantial,
  @in_remission(i.remission_op, i.remission_score, r.window_score) as is_remission,
  @in_remission(i.remission_op, i.remission_strict_score, r.window_score) as is_remission_strict,
  @deteriorates(i.deterioration_points, i.better, r.baseline_score, r.window_score) as is_deterioration,
from read as r
inner join intermediate.int_instrument as n
  on r.instrument_no = n.instrument_no
inner join reference.instruments as i
  on n.instrument = i.instrument
where i.response_kind <> 'none'
