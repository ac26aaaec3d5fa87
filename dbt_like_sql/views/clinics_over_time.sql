-- Each clinic's response and adverse events by quarter of its patients' study time, between limits around its own rate. Observed in registry, uncontrolled.
-- clinic_id: The clinic.
select
  indicator,
  instrument,
  level as clinic_id,
  quarter,
  numerator,
  denominator,
  rate,
  centre,
  low_998,
  high_998,
  is_outside_998,
  is_run,
  is_suppressed,
  suppression_reason,
from marts.clinic_over_time
