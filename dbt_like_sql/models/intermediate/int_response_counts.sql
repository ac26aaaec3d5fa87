MODEL (
  name intermediate.int_response_counts,
  kind FULL,
  description 'Eligible patients of mature windows, counted by kind, instrument and window, before strata are made of them.',
  column_descriptions (
    patient_kind_no = 'The kind of patient, by the number of int_patient_kind.',
    instrument = 'The outcome instrument.',
    time_window = 'The window.',
    n_eligible = 'Eligible patients whose window is mature.',
    n_observed = 'Those of them with a score in the window.',
    n_response = 'Observed patients in response.',
    n_substantial = 'Observed patients in substantial response.',
    n_remission = 'Observed patients in remission.',
    n_deterioration = 'Observed patients who deteriorated.',
    n_response_carried = 'Eligible patients in response by their carried score.',
    n_substantial_carried = 'Eligible patients in substantial response by their carried score.',
    n_remission_carried = 'Eligible patients in remission by their carried score.',
    n_deterioration_carried = 'Eligible patients who deteriorated by their carried score.'
  ),
  grain (patient_kind_no, instrument, time_window),
  audits (
    not_null(columns := (patient_kind_no, instrument, time_window, n_eligible, n_observed)),
    unique_combination_of_columns(columns := (patient_kind_no, instrument, time_window)),
    forall(criteria := (n_observed <= n_eligible, n_response <= n_observed, n_response <= n_response_carried))
  )
);

select
  k.patient_kind_no,
  r.instrument,
  r.time_window,
  count(*) as n_eligible,
  count(r.window_score) as n_observed,
  sum(case when r.is_response then 1 else 0 end)::bigint as n_response,
  sum(case when r.is_substantial then 1 else 0 end)::bigint as n_substantial,
  sum(case when r.is_remission then 1 else 0 end)::bigint as n_remission,
  sum(case when r.is_deterioration then 1 else 0 end)::bigint as n_deterioration,
  sum(case when r.is_response_carried then 1 else 0 end)::bigint as n_response_carried,
  sum(case when r.is_substantial_carried then 1 else 0 end)::bigint as n_substantial_carried,
  sum(case when r.is_remission_carried then 1 else 0 end)::bigint as n_remission_carried,
  sum(case when r.is_deterioration_carried then 1 else 0 end)::bigint as n_deterioration_carried,
from intermediate.int_response as r
inner join intermediate.int_patient_kind as k
  on r.patient_no = k.patient_no
where r.is_mature
group by k.patient_kind_no, r.instrument, r.time_window
