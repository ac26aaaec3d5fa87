-- How many patients had each signal of special interest, of those who were asked or measured. Observed in registry, uncontrolled.
select
  signal,
  source,
  numerator,
  denominator,
  rate,
  ci_low,
  ci_high,
  zero_event_upper,
  n_patients,
  n_noted,
  ascertainment_rate,
  is_suppressed,
  suppression_reason,
from marts.safety_signals
where
  dimension = 'overall'
