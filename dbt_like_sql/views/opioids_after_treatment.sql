-- How many patients take less opioid than before, none any more, or have started one; a missing answer counts as not. Observed in registry, uncontrolled.
select
  indication,
  time_window,
  definition,
  numerator,
  denominator,
  rate,
  ci_low,
  ci_high,
  coverage,
  is_suppressed,
  suppression_reason,
from marts.opioid_sparing
where
  dimension = 'overall'
  and estimand = 'nri'
