-- Which share of the patients of a typical clinic had each adverse event, and where that of a further clinic may lie. Observed in registry, uncontrolled.
select
  ae_term,
  n_clinics,
  numerator,
  denominator,
  rate,
  ci_low,
  ci_high,
  prediction_low,
  prediction_high,
  tau2,
  i2,
  is_suppressed,
  suppression_reason,
from marts.adverse_event_variation
