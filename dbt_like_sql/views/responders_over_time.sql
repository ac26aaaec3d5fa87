-- How many patients respond in each window, by diagnosis and instrument; a missing score counts as no response. Observed in registry, uncontrolled.
select
  indication,
  instrument,
  time_window,
  numerator,
  denominator,
  rate,
  ci_low,
  ci_high,
  coverage,
  is_suppressed,
  suppression_reason,
from marts.response_rates
where
  dimension = 'overall'
  and definition = 'response'
  and estimand = 'nri'
