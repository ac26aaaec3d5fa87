MODEL (
  name marts.co_treatment,
  kind FULL,
  description 'How many treated patients have psychotherapy, rehabilitation, premedication, opioids or other medicines besides. Observed in registry, uncontrolled.',
  grain (indication, source, treatment, dimension, level),
  audits (
    not_null(columns := (indication, source, treatment, dimension, level, numerator, denominator)),
    unique_combination_of_columns(columns := (indication, source, treatment, dimension, level)),
    forall(criteria := (numerator between 0 and denominator, ci_low <= rate, rate <= ci_high))
  )
);

with strata as (
  @expand_main_strata(intermediate.int_co_treatment, [source, treatment], [n_reported, n_with])
),

counted as (
  select
    s.indication,
    s.source,
    s.treatment,
    s.dimension,
    s.level,
    s.n_with::bigint as numerator,
    s.n_reported::bigint as denominator,
  from strata as s
)

select
  c.indication::varchar as indication,
  c.source::varchar as source,
  c.treatment::varchar as treatment,
  c.dimension::varchar as dimension,
  c.level::varchar as level,
  c.numerator,
  c.denominator,
  @rate(c.numerator, c.denominator) as rate,
  @proportion_low(x, c.numerator, c.denominator) as ci_low,
  @proportion_high(x, c.numerator, c.denominator) as ci_high,
  @proportion_method(c.denominator)::varchar as ci_method,
  false as is_suppressed,
  null::varchar as suppression_reason,
from counted as c
left join reference.clopper_pearson as x
  on c.numerator = x.numerator and c.denominator = x.denominator
