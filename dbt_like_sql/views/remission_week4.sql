-- How many patients are in remission by week 4 (days 21 to 35), by diagnosis and instrument; a missing score counts as none. Observed in registry, uncontrolled.
select
  indication,
  instrument,
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
  and time_window = 'wk4'
  and definition = 'remission'
  and estimand = 'nri'
