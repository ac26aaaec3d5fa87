MODEL (
  name marts.double_response,
  kind FULL,
  description 'How many treated patients respond on pain and on mood at once. Observed in registry, uncontrolled.',
  grain (indication, pain_instrument, mood_instrument, time_window, estimand, dimension, level),
  audits (
    not_null(columns := (indication, pain_instrument, mood_instrument, time_window, estimand, dimension, level)),
    unique_combination_of_columns(
      columns := (indication, pain_instrument, mood_instrument, time_window, estimand, dimension, level)
    ),
    forall(criteria := (
      numerator between 0 and denominator,
      numerator + n_pain_only + n_mood_only + n_neither = n_observed,
      ci_low <= rate and rate <= ci_high
    ))
  )
);

with strata as (
  @expand_strata(
    intermediate.int_double_response_counts,
    [pain_instrument, mood_instrument, time_window],
    [n_eligible, n_observed, n_pain, n_mood, n_both]
  )
),

estimands as (
  select
    s.indication,
    s.pain_instrument,
    s.mood_instrument,
    s.time_window,
    e.estimand::varchar as estimand,
    s.dimension,
    s.level,
    s.n_both::bigint as numerator,
    case e.estimand when 'observed' then s.n_observed else s.n_eligible end::bigint as denominator,
    (s.n_pain - s.n_both)::bigint as n_pain_only,
    (s.n_mood - s.n_both)::bigint as n_mood_only,
    (s.n_observed - s.n_pain - s.n_mood + s.n_both)::bigint as n_neither,
    s.n_eligible::bigint as n_eligible,
    s.n_observed::bigint as n_observed,
  from strata as s
  cross join (values ('nri'), ('observed')) as e(estimand)
)

select
  e.indication,
  e.pain_instrument,
  e.mood_instrument,
  e.time_window,
  e.estimand,
  e.dimension,
  e.level,
  e.numerator,
  e.denominator,
  @rate(e.numerator, e.denominator) as rate,
  @proportion_low(x, e.numerator, e.denominator) as ci_low,
  @proportion_high(x, e.numerator, e.denominator) as ci_high,
  @proportion_method(e.denominator)::varchar as ci_method,
  e.n_pain_only,
  e.n_mood_only,
  e.n_neither,
  e.n_eligible,
  e.n_observed,
  @rate(e.n_observed, e.n_eligible) as coverage,
  false as is_suppressed,
  null::varchar as suppression_reason,
from estimands as e
left join reference.clopper_pearson as x
  on e.numerator = x.numerator and e.denominator = x.denominator
