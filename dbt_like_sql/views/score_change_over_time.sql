-- Mean baseline, score and change in each window, of the patients who came back with a score. Observed in registry, uncontrolled.
select
  indication,
  instrument,
  time_window,
  n_observed,
  n_eligible,
  baseline_mean,
  score_mean,
  change_mean,
  ci_low,
  ci_high,
  coverage,
  is_suppressed,
  suppression_reason,
from marts.score_change
where
  dimension = 'overall'
