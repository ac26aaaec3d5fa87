MODEL (
  name marts.follow_up_coverage,
  kind FULL,
  description 'How many treated patients are followed, seen, asked and lost, window by window. Observed in registry, uncontrolled.',
  grain (indication, time_window, measure, dimension, level),
  audits (
    not_null(columns := (indication, time_window, measure, dimension, level, numerator, denominator)),
    not_null(columns := (n_patients, n_patients_with)),
    unique_combination_of_columns(columns := (indication, time_window, measure, dimension, level)),
    forall(criteria := (numerator between 0 and denominator, ci_low <= rate, rate <= ci_high))
  )
);

with strata as (
  @expand_main_strata(
    intermediate.int_follow_up_counts,
    [time_window, measure],
    [n_patients, n_patients_with, sum_y, sum_m, sum_yy, sum_ym, sum_mm]
  )
),

weighed as (
  select
    s.indication,
    s.time_window,
    s.measure,
    s.dimension,
    s.level,
    s.sum_y::bigint as numerator,
    s.sum_m::bigint as denominator,
    s.n_patients::bigint as n_patients,
    s.n_patients_with::bigint as n_patients_with,
    @rate(s.sum_y, s.sum_m) as rate,
    s.time_window = 'whole_course' and s.measure <> 'eligible' as is_clustered,
    @n_effective(s.n_patients, s.sum_y, s.sum_m, [s.sum_yy, s.sum_ym, s.sum_mm]) as n_effective,
  from strata as s
)

select
  w.indication::varchar as indication,
  w.time_window::varchar as time_window,
  w.measure::varchar as measure,
  w.dimension::varchar as dimension,
  w.level::varchar as level,
  w.numerator,
  w.denominator,
  w.rate,
  case
    when w.is_clustered then @wilson_low(w.rate * w.n_effective, w.n_effective)
    else @proportion_low(x, w.numerator, w.denominator)
  end as ci_low,
  case
    when w.is_clustered then @wilson_high(w.rate * w.n_effective, w.n_effective)
    else @proportion_high(x, w.numerator, w.denominator)
  end as ci_high,
  case
    when w.denominator = 0 then null
    when w.is_clustered then 'wilson_cluster'
    else @proportion_method(w.denominator)
  end::varchar as ci_method,
  w.n_patients,
  w.n_patients_with,
  false as is_suppressed,
  null::varchar as suppression_reason,
from weighed as w
left join reference.clopper_pearson as x
  on w.numerator = x.numerator and w.denominator = x.denominator
