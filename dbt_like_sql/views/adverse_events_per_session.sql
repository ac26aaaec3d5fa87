-- In how many sessions each adverse event was noted, of those with a complete form. Observed in registry, uncontrolled.
select
  ae_term,
  numerator,
  denominator,
  rate,
  ci_low,
  ci_high,
  zero_upper,
  n_patients,
  ascertainment_rate,
  is_ascertainment_low,
  is_suppressed,
  suppression_reason,
from marts.adverse_event_frequencies
where
  dimension = 'overall'
  and basis = 'session'
  and ascertainment = 'complete'
