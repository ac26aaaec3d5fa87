MODEL (
  name intermediate.int_response_stratum,
  kind FULL,
  description 'The counts of int_response_counts added up over the patients of each stratum.',
  column_descriptions (
    indication = 'all, or the diagnosis that the course is for.',
    dimension = 'What level is a level of.',
    level = 'The level; all when dimension is overall.',
    instrument = 'The outcome instrument.',
    time_window = 'The window.',
    n_eligible = 'Eligible patients whose window is mature.',
    n_observed = 'Those of them with a score in the window.',
    baseline_sum = 'Sum of the baselines of the observed patients.',
    score_sum = 'Sum of their scores in the window.',
    change_squares = 'Sum of their squared changes from baseline.',
    n_response = 'Observed patients in response.',
    n_substantial = 'Observed patients in substantial response.',
    n_remission = 'Observed patients in remission.',
    n_remission_strict = 'Observed patients in remission by the stricter cut.',
    n_deterioration = 'Observed patients who deteriorated.',
    n_response_carried = 'Eligible patients in response by their carried score.',
    n_substantial_carried = 'Eligible patients in substantial response by their carried score.',
    n_remission_carried = 'Eligible patients in remission by their carried score.',
    n_remission_strict_carried = 'Eligible patients in remission by the stricter cut by their carried score.',
    n_deterioration_carried = 'Eligible patients who deteriorated by their carried score.',
    n_response_lasting = 'Observed patients in response who had not been treated again before.',
    n_substantial_lasting = 'Observed patients in substantial response who had not been treated again before.',
    n_remission_lasting = 'Observed patients in remission who had not been treated again before.',
    n_remission_strict_lasting = 'Observed patients in remission by the stricter cut who had not been treated again before.',
    n_deterioration_lasting = 'Observed patients who deteriorated who had not been treated again before.',
    n_response_before = 'Observed patients in response by the score before the one used.',
    n_substantial_before = 'Observed patients in substantial response by the score before the one used.',
    n_remission_before = 'Observed patients in remission by the score before the one used.',
    n_remission_strict_before = 'Observed patients in remission by the stricter cut by the score before the one used.',
    n_deterioration_before = 'Observed patients who deteriorated by the score before the one used.',
    n_response_kept = 'Observed patients in response by both.',
    n_substantial_kept = 'Observed patients in substantial response by both.',
    n_remission_kept = 'Observed patients in remission by both.',
    n_remission_strict_kept = 'Observed patients in remission by the stricter cut by both.',
    n_deterioration_kept = 'Observed patients who deteriorated by both.'
  ),
  grain (indication, dimension, level, instrument, time_window),
  audits (unique_combination_of_columns(columns := (indication, dimension, level, instrument, time_window)))
);

@expand_strata(
  intermediate.int_response_counts,
  [instrument, time_window],
  [
    n_eligible, n_observed, baseline_sum, score_sum, change_squares,
    n_response, n_substantial, n_remission, n_remission_strict, n_deterioration,
    n_response_carried, n_substantial_carried, n_remission_carried, n_remission_strict_carried, n_deterioration_carried,
    n_response_lasting, n_substantial_lasting, n_remission_lasting, n_remission_strict_lasting, n_deterioration_lasting,
    n_response_before, n_substantial_before, n_remission_before, n_remission_strict_before, n_deterioration_before,
    n_response_kept, n_substantial_kept, n_remission_kept, n_remission_strict_kept, n_deterioration_kept
  ]
)
