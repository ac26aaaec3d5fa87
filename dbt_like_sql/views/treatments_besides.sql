-- How many treated patients have psychotherapy, rehabilitation, premedication, opioids or other medicines besides. Observed in registry, uncontrolled.
select
  indication,
  source,
  treatment,
  numerator,
  denominator,
  rate,
  ci_low,
  ci_high,
  is_suppressed,
  suppression_reason,
from marts.co_treatment
where
  dimension = 'overall'
