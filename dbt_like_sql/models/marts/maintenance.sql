MODEL (
  name marts.maintenance,
  kind FULL,
  description 'How many patients have maintenance sessions after induction, how often, and whether clinics call them so. Observed in registry, uncontrolled.',
  grain (indication, measure, dimension, level),
  audits (
    not_null(columns := (indication, measure, dimension, level, numerator, denominator, n_patients, n_patients_with)),
    unique_combination_of_columns(columns := (indication, measure, dimension, level)),
    forall(criteria := (rate is not null or denominator = 0, ci_low <= rate, rate <= ci_high))
  )
);

with strata as (
  @expand_main_strata(
    intermediate.int_maintenance_counts,
    [measure],
    [n_patients, n_patients_with, sum_y, sum_m, sum_yy, sum_ym, sum_mm]
  )
),

weighed as (
  select
    s.indication,
    s.measure,
    s.dimension,
    s.level,
    s.sum_y,
    s.sum_m,
    s.n_patients,
    s.n_patients_with,
    case
      when s.measure = 'boosters_per_patient_year' then 'per_year'
      when s.measure = 'phase_as_reported' then 'sessions'
      else 'patients'
    end as kind,
    @rate(s.sum_y, s.sum_m) as rate,
    @n_effective(s.n_patients, s.sum_y, s.sum_m, [s.sum_yy, s.sum_ym, s.sum_mm]) as n_effective,
    @log_rate_error(s.n_patients, s.sum_y, s.sum_m, [s.sum_yy, s.sum_ym, s.sum_mm]) as log_error,
  from strata as s
),

-- Nobody with a session leaves no spread to measure: then the exact limit of no event stands in.
limits as (
  select
    w.indication,
    w.measure,
    w.dimension,
    w.level,
    w.sum_y,
    w.sum_m,
    w.rate,
    w.n_patients,
    w.n_patients_with,
    case
      when w.kind = 'patients' then @proportion_low(x, w.sum_y, w.sum_m)
      when w.kind = 'sessions' then @wilson_low(w.rate * w.n_effective, w.n_effective)
      when w.sum_y = 0 then @rate(g.low, w.sum_m)
      else w.rate * exp(-@z * w.log_error)
    end as ci_low,
    case
      when w.kind = 'patients' then @proportion_high(x, w.sum_y, w.sum_m)
      when w.kind = 'sessions' then @wilson_high(w.rate * w.n_effective, w.n_effective)
      when w.sum_y = 0 then @rate(g.high, w.sum_m)
      else w.rate * exp(@z * w.log_error)
    end as ci_high,
    case
      when w.sum_m = 0 then null
      when w.kind = 'patients' and w.sum_m < @exact_below then 'clopper_pearson'
      when w.kind = 'patients' then 'wilson'
      when w.kind = 'sessions' then 'wilson_cluster'
      when w.sum_y = 0 then 'garwood'
      when w.log_error is not null then 'log_robust'
    end as ci_method,
  from weighed as w
  left join reference.clopper_pearson as x
    on w.sum_y = x.numerator and w.sum_m = x.denominator
  left join reference.garwood as g
    on g.n_events = 0
)

select
  l.indication::varchar as indication,
  l.measure::varchar as measure,
  l.dimension::varchar as dimension,
  l.level::varchar as level,
  l.sum_y::bigint as numerator,
  l.sum_m::double as denominator,
  l.rate,
  l.ci_low,
  l.ci_high,
  l.ci_method::varchar as ci_method,
  l.n_patients::bigint as n_patients,
  l.n_patients_with::bigint as n_patients_with,
  false as is_suppressed,
  null::varchar as suppression_reason,
from limits as l
