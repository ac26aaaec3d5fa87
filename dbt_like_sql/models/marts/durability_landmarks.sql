MODEL (
  name marts.durability_landmarks,
  kind FULL,
  description 'How many responders are still in response 28, 56, 84 and 182 days after the last induction session, and how many days of response that is. Observed in registry, uncontrolled.',
  grain (indication, instrument, estimand, dimension, level, day),
  audits (
    not_null(columns := (indication, instrument, estimand, dimension, level, day, n_at_risk, numerator, denominator)),
    unique_combination_of_columns(columns := (indication, instrument, estimand, dimension, level, day)),
    forall(criteria := (
      numerator <= denominator,
      n_at_risk <= denominator,
      survival between 0 and 1,
      ci_low <= survival and survival <= ci_high,
      rmst_days between 0 and day + 0.000001
    ))
  )
);

select
  d.indication,
  r.instrument,
  r.estimand,
  d.dimension,
  d.level,
  c.day,
  c.survival,
  c.ci_low,
  c.ci_high,
  case r.estimand when 'competing' then 'delta_log_log' else 'greenwood_log_log' end::varchar as ci_method,
  c.rmst_days,
  c.rmst_std_err,
  c.rmst_ci_low,
  c.rmst_ci_high,
  c.n_at_risk,
  c.n_events as numerator,
  c.n_responders as denominator,
  false as is_suppressed,
  null::varchar as suppression_reason,
from intermediate.int_durability_curve as c
inner join intermediate.int_durability_reading as r
  on c.reading_no = r.reading_no
inner join intermediate.int_durability_denominator as d
  on c.stratum_no = d.stratum_no and r.instrument = d.instrument
where c.day in (28, 56, 84, 182)
