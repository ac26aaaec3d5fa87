-- How many patients have maintenance sessions after induction, and how often. Observed in registry, uncontrolled.
select
  indication,
  measure,
  numerator,
  denominator,
  rate,
  ci_low,
  ci_high,
  n_patients,
  is_suppressed,
  suppression_reason,
from marts.maintenance
where
  dimension = 'overall'
