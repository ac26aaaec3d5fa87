MODEL (
  name marts.adverse_event_severity,
  kind FULL,
  description 'How bad adverse events were, what was done about them and when they began: patients by their worst, among patients who were asked with a complete form. Observed in registry, uncontrolled.',
  grain (ae_term, measure, noted_at, dimension, level),
  audits (
    not_null(columns := (ae_term, measure, noted_at, dimension, level, numerator, denominator)),
    unique_combination_of_columns(columns := (ae_term, measure, noted_at, dimension, level)),
    accepted_values(column := noted_at, is_in := ('session', 'contact')),
    forall(criteria := (
      numerator <= denominator,
      n_occasions_with <= n_occasions,
      rate is not null or denominator = 0,
      rate is null or (ci_low >= 0 and ci_low <= rate and rate <= ci_high and ci_high <= 1)
    ))
  )
);

with strata as (
  select
    c.noted_at,
    c.dimension,
    c.level,
    t.term_no,
    c.ae_term,
    c.n_patients,
    c.n_patients_with,
    c.n_occasions,
    c.n_occasions_with,
    c.ascertainment_rate,
  from intermediate.int_ae_count as c
  inner join intermediate.int_ae_term as t
    on c.ae_term = t.ae_term
  where c.ascertainment = 'complete' and c.dimension in ('overall', 'route', 'indication')
),

-- Why a session stopped or a course ended is not said of one term.
measures as (
  select s.noted_at, s.dimension, s.level, s.term_no, m.measure, m.is_share_of_grades,
  from strata as s
  cross join reference.ae_measures as m
  union all
  select s.noted_at, s.dimension, s.level, s.term_no, m.measure, false as is_share_of_grades,
  from strata as s
  cross join (values ('session_stopped'), ('course_ended')) as m(measure)
  where s.term_no = 0 and s.noted_at = 'session'
),

counted as (
  select
    s.noted_at,
    s.dimension,
    s.level,
    s.ae_term,
    m.measure,
    m.is_share_of_grades,
    coalesce(c.n_patients_with, 0) as numerator,
    s.n_patients as denominator,
    s.n_patients_with as n_patients_with_event,
    s.n_occasions,
    s.n_occasions_with as n_occasions_with_event,
    coalesce(c.n_occasions_with, 0) as n_occasions_with,
    s.ascertainment_rate,
  from strata as s
  inner join measures as m
    on s.noted_at = m.noted_at and s.dimension = m.dimension and s.level = m.level and s.term_no = m.term_no
  left join intermediate.int_ae_severity_count as c
    on m.noted_at = c.noted_at
    and m.dimension = c.dimension
    and m.level = c.level
    and m.term_no = c.term_no
    and m.measure = c.measure
)

-- Of shares of one whole a hidden one follows from the others, so grades are shown together or not at all.
select
  c.ae_term,
  c.measure::varchar as measure,
  c.noted_at,
  c.dimension,
  c.level,
  c.numerator,
  c.denominator,
  @rate(c.numerator, c.denominator) as rate,
  @proportion_low(e, c.numerator, c.denominator) as ci_low,
  @proportion_high(e, c.numerator, c.denominator) as ci_high,
  @proportion_method(c.denominator)::varchar as ci_method,
  c.n_patients_with_event,
  case
    when c.is_share_of_grades
      then min(case when c.is_share_of_grades and c.numerator > 0 then c.numerator end) over (
        partition by c.ae_term, c.noted_at, c.dimension, c.level
      )
  end as n_smallest_grade,
  c.n_occasions,
  c.n_occasions_with_event,
  c.n_occasions_with,
  c.ascertainment_rate,
  c.ascertainment_rate < @least_ascertained as is_ascertainment_low,
  false as is_suppressed,
  null::varchar as suppression_reason,
from counted as c
left join reference.clopper_pearson as e
  on c.numerator = e.numerator and c.denominator = e.denominator
