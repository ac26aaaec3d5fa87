-- How treated patients of all diagnoses divide by route, setting, dose, age and the rest. Observed in registry, uncontrolled.
select
  dimension,
  level,
  numerator,
  denominator,
  rate,
  ci_low,
  ci_high,
  is_suppressed,
  suppression_reason,
from marts.treatment_mix
where
  indication = 'all'
