-- How many responders have not lost response, week by week after the last induction session; retreatment and death rule loss out. Observed in registry, uncontrolled.
select
  indication,
  instrument,
  day,
  survival,
  ci_low,
  ci_high,
  n_at_risk,
  numerator,
  denominator,
  is_suppressed,
  suppression_reason,
from marts.durability_curves
where
  dimension = 'overall'
  and estimand = 'competing'
