MODEL (
  name marts.opioid_change,
  kind FULL,
  description 'How much opioid patients take before and in each window, as quartiles. Observed in registry, uncontrolled.',
  grain (indication, time_window, measure, dimension, level),
  audits (
    not_null(columns := (indication, time_window, measure, dimension, level, n_patients)),
    unique_combination_of_columns(columns := (indication, time_window, measure, dimension, level)),
    forall(criteria := (lower_quartile <= median, median <= upper_quartile))
  )
);

with observed as (
  select g.main_kind_no, r.time_window, r.baseline_score::double as baseline, r.window_score::double as later,
  from intermediate.int_response as r
  inner join intermediate.int_patient_kind as k
    on r.patient_no = k.patient_no
  inner join intermediate.int_main_kind as g
    on k.patient_kind_no = g.patient_kind_no
  where r.instrument = 'mme_per_day' and r.is_mature and r.is_observed
),

measures as (
  select
    o.main_kind_no,
    o.time_window,
    m.measure,
    case m.measure
      when 'baseline_mme' then o.baseline
      when 'window_mme' then o.later
      when 'change_mme' then o.later - o.baseline
      when 'change_percent' then 100 * (o.later - o.baseline) / o.baseline
    end as value,
  from observed as o
  cross join (values ('baseline_mme'), ('window_mme'), ('change_mme'), ('change_percent')) as m(measure)
),

values_of_kinds as (
  select m.main_kind_no, m.time_window, m.measure, m.value, count(*) as n_values,
  from measures as m
  group by m.main_kind_no, m.time_window, m.measure, m.value
),

histogram as (
  @expand_main_strata(values_of_kinds, [time_window, measure, value], [n_values])
),

quartiles as (
  @quartiles(histogram, [indication, time_window, measure, dimension, level])
)

select
  q.indication::varchar as indication,
  q.time_window::varchar as time_window,
  q.measure::varchar as measure,
  q.dimension::varchar as dimension,
  q.level::varchar as level,
  q.n_values as n_patients,
  q.lower_quartile,
  q.median,
  q.upper_quartile,
  false as is_suppressed,
  null::varchar as suppression_reason,
from quartiles as q
