MODEL (
  name marts.durability_of_relief,
  kind FULL,
  description 'How long patients in response at the end of induction stay so. Observed in registry, uncontrolled, and conditional on having responded.',
  grain (indication, instrument, estimand, dimension, level),
  audits (
    not_null(columns := (indication, instrument, estimand, dimension, level, numerator, denominator, n_treated)),
    unique_combination_of_columns(columns := (indication, instrument, estimand, dimension, level)),
    accepted_values(column := estimand, is_in := ('censor_at_retreatment', 'composite', 'competing')),
    forall(criteria := (
      numerator <= denominator,
      denominator <= n_assessed,
      rate between 0 and 1,
      ci_low <= rate,
      rate <= ci_high,
      survival_182d <= survival_84d and survival_84d <= survival_56d and survival_56d <= survival_28d
    ))
  )
);

-- A landmark with fewer than 11 patients at risk is not shown: the curve there hangs on a handful of people.
with landmarks as (
  select
    c.stratum_no,
    c.reading_no,
    c.day,
    c.survival,
    c.ci_low,
    c.ci_high,
    row_number() over (partition by c.stratum_no, c.reading_no order by c.day desc) = 1 as is_last,
  from intermediate.int_durability_curve as c
  where c.day in (28, 56, 84, 182) and c.n_at_risk >= 11
),

shown as (
  select
    l.stratum_no,
    l.reading_no,
    max(l.day) as landmark_day,
    max(case when l.is_last then 1 - l.survival end) as rate,
    max(case when l.is_last then 1 - l.ci_high end) as ci_low,
    max(case when l.is_last then 1 - l.ci_low end) as ci_high,
    max(case when l.day = 28 then l.survival end) as survival_28d,
    max(case when l.day = 28 then l.ci_low end) as survival_28d_ci_low,
    max(case when l.day = 28 then l.ci_high end) as survival_28d_ci_high,
    max(case when l.day = 56 then l.survival end) as survival_56d,
    max(case when l.day = 56 then l.ci_low end) as survival_56d_ci_low,
    max(case when l.day = 56 then l.ci_high end) as survival_56d_ci_high,
    max(case when l.day = 84 then l.survival end) as survival_84d,
    max(case when l.day = 84 then l.ci_low end) as survival_84d_ci_low,
    max(case when l.day = 84 then l.ci_high end) as survival_84d_ci_high,
    max(case when l.day = 182 then l.survival end) as survival_182d,
    max(case when l.day = 182 then l.ci_low end) as survival_182d_ci_low,
    max(case when l.day = 182 then l.ci_high end) as survival_182d_ci_high,
  from landmarks as l
  group by l.stratum_no, l.reading_no
),

medians as (
  select
    c.stratum_no,
    c.reading_no,
    c.n_events_in_all,
    c.median_days,
    c.median_ci_low,
    c.median_ci_high,
  from intermediate.int_durability_curve as c
  where c.day = 0
)

select
  d.indication,
  d.instrument,
  r.estimand,
  d.dimension,
  d.level,
  coalesce(m.n_events_in_all, 0)::bigint as numerator,
  d.n_responders as denominator,
  s.rate,
  s.ci_low,
  s.ci_high,
  case when m.stratum_no is not null
    then case r.estimand when 'competing' then 'delta_log_log' else 'greenwood_log_log' end
  end::varchar as ci_method,
  s.landmark_day::integer as landmark_day,
  m.median_days::integer as median_days,
  m.median_ci_low::integer as median_ci_low,
  m.median_ci_high::integer as median_ci_high,
  s.survival_28d,
  s.survival_28d_ci_low,
  s.survival_28d_ci_high,
  s.survival_56d,
  s.survival_56d_ci_low,
  s.survival_56d_ci_high,
  s.survival_84d,
  s.survival_84d_ci_low,
  s.survival_84d_ci_high,
  s.survival_182d,
  s.survival_182d_ci_low,
  s.survival_182d_ci_high,
  d.n_treated,
  d.n_assessed,
  @rate(d.n_assessed, d.n_treated) as coverage,
  false as is_suppressed,
  null::varchar as suppression_reason,
from intermediate.int_durability_denominator as d
inner join intermediate.int_durability_reading as r
  on d.instrument = r.instrument
left join medians as m
  on d.stratum_no = m.stratum_no and r.reading_no = m.reading_no
left join shown as s
  on d.stratum_no = s.stratum_no and r.reading_no = s.reading_no
