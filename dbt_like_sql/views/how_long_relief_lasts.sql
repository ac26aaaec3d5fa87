-- How long patients in response at the end of induction stay so; retreatment and death rule loss out. Observed in registry, uncontrolled.
select
  indication,
  instrument,
  n_treated,
  n_assessed,
  denominator,
  numerator,
  median_days,
  survival_28d,
  survival_56d,
  survival_84d,
  survival_182d,
  landmark_day,
  rate,
  ci_low,
  ci_high,
  coverage,
  is_suppressed,
  suppression_reason,
from marts.durability_of_relief
where
  dimension = 'overall'
  and estimand = 'competing'
