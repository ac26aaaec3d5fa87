-- How often blood pressure and oxygen saturation reached measured limits during sessions. Observed in registry, uncontrolled.
select
  endpoint,
  numerator,
  denominator,
  rate,
  ci_low,
  ci_high,
  n_patients,
  n_sessions,
  measured_rate,
  mean_rise_mmhg,
  is_suppressed,
  suppression_reason,
from marts.haemodynamics
where
  dimension = 'overall'
