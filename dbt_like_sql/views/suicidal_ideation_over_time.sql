-- How suicidal ideation moved from baseline in each window. Observed in registry, uncontrolled.
select
  indication,
  time_window,
  definition,
  numerator,
  denominator,
  rate,
  ci_low,
  ci_high,
  n_eligible,
  coverage,
  is_suppressed,
  suppression_reason,
from marts.suicidality
where
  dimension = 'overall'
