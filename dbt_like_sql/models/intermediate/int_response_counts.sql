MODEL (
  name intermediate.int_response_counts,
  kind FULL,
  description 'Eligible patients of mature windows, counted by kind, instrument and window, before strata are made of them. Each definition has the same six counts.',
  column_descriptions (
    patient_kind_no = 'The kind of patient, by the number of int_patient_kind.',
    instrument = 'The outcome instrument.',
    time_window = 'The window.',
    n_eligible = 'Eligible patients whose window is mature.',
    n_observed = 'Those of them with a score in the window.',
    baseline_sum = 'Sum of the baselines of the observed patients.',
    score_sum = 'Sum of their scores in the window.',
    change_squares = 'Sum of their squared changes from baseline.',
    n_response = 'Observed patients in response.',
    n_response_carried = 'Eligible patients in response by their carried score.',
    n_response_lasting = 'Observed patients in response who had not been treated again before.',
    n_response_before = 'Observed patients in response by the score before the one used.',
    n_response_kept = 'Observed patients in response by both.',
    n_substantial = 'Observed patients in substantial response.',
    n_substantial_carried = 'Eligible patients in substantial response by their carried score.',
    n_substantial_lasting = 'Observed patients in substantial response who had not been treated again before.',
    n_substantial_before = 'Observed patients in substantial response by the score before the one used.',
    n_substantial_kept = 'Observed patients in substantial response by both.',
    n_remission = 'Observed patients in remission.',
    n_remission_carried = 'Eligible patients in remission by their carried score.',
    n_remission_lasting = 'Observed patients in remission who had not been treated again before.',
    n_remission_before = 'Observed patients in remission by the score before the one used.',
    n_remission_kept = 'Observed patients in remission by both.',
    n_remission_strict = 'Observed patients in remission by the stricter cut.',
    n_remission_strict_carried = 'Eligible patients in remission by the stricter cut by their carried score.',
    n_remission_strict_lasting = 'Observed patients in remission by the stricter cut who had not been treated again before.',
    n_remission_strict_before = 'Observed patients in remission by the stricter cut by the score before the one used.',
    n_remission_strict_kept = 'Observed patients in remission by the stricter cut by both.',
    n_deterioration = 'Observed patients who deteriorated.',
    n_deterioration_carried = 'Eligible patients who deteriorated by their carried score.',
    n_deterioration_lasting = 'Observed patients who deteriorated who had not been treated again before.',
    n_deterioration_before = 'Observed patients who deteriorated by the score before the one used.',
    n_deterioration_kept = 'Observed patients who deteriorated by both.'
  ),
  grain (patient_kind_no, instrument, time_window),
  audits (
    not_null(columns := (patient_kind_no, instrument, time_window, n_eligible, n_observed)),
    unique_combination_of_columns(columns := (patient_kind_no, instrument, time_window)),
    forall(criteria := (
      n_observed <= n_eligible,
      n_response <= n_observed,
      n_response <= n_response_carried,
      n_response_lasting <= n_response,
      n_response_kept <= least(n_response, n_response_before)
    ))
  )
);

with responses as (
  select
    r.*,
    r.window_score is not null as is_observed,
    @reaches(i.response_kind, i.response_threshold, i.better, r.baseline_score, r.score_before) as is_response_before,
    @reaches(i.response_kind, i.substantial_threshold, i.better, r.baseline_score, r.score_before)
      as is_substantial_before,
    @in_remission(i.remission_op, i.remission_score, r.score_before) as is_remission_before,
    @in_remission(i.remission_op, i.remission_strict_score, r.score_before) as is_remission_strict_before,
    @deteriorates(i.deterioration_points, i.better, r.baseline_score, r.score_before) as is_deterioration_before,
  from intermediate.int_course_response as r
  inner join intermediate.int_instrument as n
    on r.instrument_no = n.instrument_no
  inner join reference.instruments as i
    on n.instrument = i.instrument
  where r.course_no = 1 and r.is_eligible and r.is_mature
),

counts as (
  select
    k.patient_kind_no,
    r.instrument_no,
    r.window_no,
    count(*) as n_eligible,
    count(r.window_score) as n_observed,
    sum(case when r.is_observed then r.baseline_score end)::decimal(38, 8) as baseline_sum,
    sum(r.window_score)::decimal(38, 8) as score_sum,
    sum((r.window_score - r.baseline_score)::decimal(20, 8) * (r.window_score - r.baseline_score))::decimal(38, 16)
      as change_squares,
    @definition_counts(r),
  from responses as r
  inner join intermediate.int_patient_kind as k
    on r.patient_no = k.patient_no
  group by k.patient_kind_no, r.instrument_no, r.window_no
)

select
  c.patient_kind_no,
  i.instrument,
  w.time_window,
  c.n_eligible,
  c.n_observed,
  c.baseline_sum,
  c.score_sum,
  c.change_squares,
  @definition_columns(c),
from counts as c
inner join intermediate.int_instrument as i
  on c.instrument_no = i.instrument_no
inner join reference.time_windows as w
  on c.window_no = w.position
