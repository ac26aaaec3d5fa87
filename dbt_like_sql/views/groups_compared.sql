-- How much two groups of patients differ in who responds by week 4; a missing score counts as no response. Observed in registry, uncontrolled.
select
  indication,
  instrument,
  contrast_code,
  level,
  reference_level,
  rate,
  reference_rate,
  difference,
  ci_low,
  ci_high,
  caveat,
  is_suppressed,
  suppression_reason,
from marts.response_contrasts
where
  time_window = 'wk4'
  and definition = 'response'
  and estimand = 'nri'
