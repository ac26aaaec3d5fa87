MODEL (
  name marts.opioid_sparing,
  kind FULL,
  description 'How many patients take less opioid than before, none any more, or have started one. Observed in registry, uncontrolled.',
  grain (indication, time_window, definition, estimand, dimension, level),
  audits (
    not_null(columns := (indication, time_window, definition, estimand, dimension, level)),
    not_null(columns := (numerator, denominator, n_eligible, n_observed)),
    unique_combination_of_columns(columns := (indication, time_window, definition, estimand, dimension, level)),
    forall(criteria := (numerator between 0 and denominator, ci_low <= rate, rate <= ci_high))
  )
);

with strata as (
  @expand_strata(intermediate.int_opioid_counts, [time_window, definition], [n_eligible, n_observed, n_met])
),

estimands as (
  select
    s.indication,
    s.time_window,
    s.definition,
    e.estimand,
    s.dimension,
    s.level,
    s.n_met::bigint as numerator,
    case when e.estimand = 'observed' then s.n_observed else s.n_eligible end::bigint as denominator,
    s.n_eligible::bigint as n_eligible,
    s.n_observed::bigint as n_observed,
  from strata as s
  inner join (values ('nri'), ('observed')) as e(estimand)
    on e.estimand = 'nri' or s.definition <> 'not_convertible'
)

select
  e.indication::varchar as indication,
  e.time_window::varchar as time_window,
  e.definition::varchar as definition,
  e.estimand::varchar as estimand,
  e.dimension::varchar as dimension,
  e.level::varchar as level,
  e.numerator,
  e.denominator,
  @rate(e.numerator, e.denominator) as rate,
  @proportion_low(x, e.numerator, e.denominator) as ci_low,
  @proportion_high(x, e.numerator, e.denominator) as ci_high,
  @proportion_method(e.denominator)::varchar as ci_method,
  e.n_eligible,
  e.n_observed,
  @rate(e.n_observed, e.n_eligible) as coverage,
  false as is_suppressed,
  null::varchar as suppression_reason,
from estimands as e
left join reference.clopper_pearson as x
  on e.numerator = x.numerator and e.denominator = x.denominator
