-- How many treated patients are followed, seen, asked and lost, window by window. Observed in registry, uncontrolled.
select
  indication,
  time_window,
  measure,
  numerator,
  denominator,
  rate,
  ci_low,
  ci_high,
  is_suppressed,
  suppression_reason,
from marts.follow_up_coverage
where
  dimension = 'overall'
