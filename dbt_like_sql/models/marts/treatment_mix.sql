MODEL (
  name marts.treatment_mix,
  kind FULL,
  description 'How treated patients divide by route, setting, time of day, dose, age and all else that marts are broken down by. Observed in registry, uncontrolled.',
  grain (indication, dimension, level),
  audits (
    not_null(columns := (indication, dimension, level, numerator, denominator)),
    unique_combination_of_columns(columns := (indication, dimension, level)),
    forall(criteria := (numerator between 0 and denominator, ci_low <= rate, rate <= ci_high))
  )
);

with kinds as (
  select k.patient_kind_no, count(*) as n_patients,
  from intermediate.int_patient_kind as k
  group by k.patient_kind_no
),

strata as (
  @expand_strata(kinds, [], [n_patients])
),

counted as (
  select
    s.indication,
    s.dimension,
    s.level,
    s.n_patients::bigint as numerator,
    a.n_patients::bigint as denominator,
  from strata as s
  inner join strata as a
    on s.indication = a.indication and a.dimension = 'overall'
)

select
  c.indication::varchar as indication,
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
