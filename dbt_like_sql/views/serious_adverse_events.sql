-- How many patients had a serious adverse event noted at a session or a contact with a complete form. Observed in registry, uncontrolled.
select
  ae_term,
  noted_at,
  numerator,
  denominator,
  rate,
  ci_low,
  ci_high,
  ascertainment_rate,
  is_ascertainment_low,
  is_suppressed,
  suppression_reason,
from marts.adverse_event_severity
where
  dimension = 'overall'
  and measure = 'serious'
