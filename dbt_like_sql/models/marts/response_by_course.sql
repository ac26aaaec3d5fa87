MODEL (
  name marts.response_by_course,
  kind FULL,
  description 'How many induction courses end in response, by which course of the patient they are. Observed in registry, uncontrolled.',
  grain (indication, instrument, time_window, definition, estimand, course),
  audits (
    not_null(columns := (indication, instrument, time_window, definition, estimand, course, numerator, denominator)),
    unique_combination_of_columns(columns := (indication, instrument, time_window, definition, estimand, course)),
    forall(criteria := (numerator between 0 and denominator, ci_low <= rate and rate <= ci_high))
  )
);

with weighed as (
  select
    s.indication,
    s.instrument,
    s.time_window,
    s.definition,
    s.estimand,
    s.course,
    s.n_met as numerator,
    s.n_courses as denominator,
    @rate(s.n_met, s.n_courses) as rate,
    -- One course of each patient is a plain proportion.
    s.n_patients < s.n_courses as is_clustered,
    @n_effective(s.n_patients, s.n_met, s.n_courses, [s.met_squares, s.met_times_courses, s.course_squares])
      as n_effective,
    s.n_patients,
    s.n_eligible,
    s.n_observed,
  from intermediate.int_course_sums as s
)

select
  w.indication,
  w.instrument,
  w.time_window,
  w.definition,
  w.estimand,
  w.course,
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
  w.n_eligible,
  w.n_observed,
  @rate(w.n_observed, w.n_eligible) as coverage,
  false as is_suppressed,
  null::varchar as suppression_reason,
from weighed as w
left join reference.clopper_pearson as x
  on w.numerator = x.numerator and w.denominator = x.denominator
