-- Doses, sessions and days of induction, as quartiles. Observed in registry, uncontrolled.
select
  indication,
  measure,
  n_patients,
  n_values,
  lower_quartile,
  median,
  upper_quartile,
  is_suppressed,
  suppression_reason,
from marts.treatment_patterns
where
  dimension = 'overall'
