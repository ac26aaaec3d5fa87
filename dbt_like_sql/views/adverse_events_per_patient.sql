-- How many patients had each adverse event in at least one session with a complete form. Observed in registry, uncontrolled.
select
  ae_term,
  numerator,
  denominator,
  rate,
  ci_low,
  ci_high,
  zero_upper,
  cioms_class,
  is_imprecise,
  ascertainment_rate,
  is_ascertainment_low,
  is_suppressed,
  suppression_reason,
from marts.adverse_event_frequencies
where
  dimension = 'overall'
  and basis = 'patient'
  and ascertainment = 'complete'
