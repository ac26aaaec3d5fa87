-- Who responds by week 4 at each level of dose; a missing score counts as no response. Observed in registry, uncontrolled.
select
  indication,
  instrument,
  dimension,
  level,
  position,
  numerator,
  denominator,
  rate,
  ci_low,
  ci_high,
  is_suppressed,
  suppression_reason,
from marts.dose_response
where
  time_window = 'wk4'
  and definition = 'response'
  and estimand = 'nri'
