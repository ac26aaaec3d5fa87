-- The rate of response by week 4 of a typical clinic, and where that of a further clinic may lie. Observed in registry, uncontrolled.
select
  indication,
  instrument,
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
from marts.clinic_variation
where
  time_window = 'wk4'
  and definition = 'response'
  and estimand = 'nri'
