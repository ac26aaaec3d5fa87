-- Each clinic's rate of response by week 4 beside the limits that chance leaves; never a verdict on quality. Observed in registry, uncontrolled.
-- clinic_id: The clinic.
select
  indication,
  instrument,
  level as clinic_id,
  numerator,
  denominator,
  rate,
  registry_rate,
  low_95,
  high_95,
  z_adjusted,
  is_outside_95,
  is_suppressed,
  suppression_reason,
from marts.clinic_funnel
where
  time_window = 'wk4'
  and definition = 'response'
  and estimand = 'nri'
