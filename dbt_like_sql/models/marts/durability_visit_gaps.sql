MODEL (
  name marts.durability_visit_gaps,
  kind FULL,
  description 'How many days lie between the assessments of responders after induction: a loss is dated late by up to that. Observed in registry, uncontrolled.',
  grain (indication, instrument, dimension, level),
  audits (
    not_null(columns := (indication, instrument, dimension, level, n_gaps, n_gaps_over_56_days, denominator)),
    unique_combination_of_columns(columns := (indication, instrument, dimension, level)),
    forall(criteria := (
      lower_quartile_days <= median_days and median_days <= upper_quartile_days,
      n_gaps_over_56_days <= denominator
    ))
  )
);

with counts as (
  select
    k.patient_kind_no,
    a.instrument,
    a.days_to_next as value,
    count(*) as n_values,
  from intermediate.int_durability_assessment as a
  inner join intermediate.int_patient_kind as k
    on a.patient_no = k.patient_no
  where a.days_to_next is not null
  group by k.patient_kind_no, a.instrument, a.days_to_next
),

strata as (
  @expand_strata(counts, [instrument, value], [n_values])
),

-- Who sees patients how often is up to clinics; a line for each of the other dimensions would say little more.
histogram as (
  select s.indication, s.instrument, s.dimension, s.level, s.value, s.n_values,
  from strata as s
  where s.dimension in ('overall', 'indication', 'clinic', 'route')
),

spread as (
  @quartiles(histogram, [indication, instrument, dimension, level])
),

long_gaps as (
  select h.indication, h.instrument, h.dimension, h.level, sum(h.n_values) as n_gaps,
  from histogram as h
  where h.value > 56
  group by h.indication, h.instrument, h.dimension, h.level
)

select
  q.indication,
  q.instrument,
  q.dimension,
  q.level,
  q.lower_quartile::double as lower_quartile_days,
  q.median::double as median_days,
  q.upper_quartile::double as upper_quartile_days,
  (q.median > 14)::boolean as is_over_14_days,
  q.n_values::bigint as n_gaps,
  coalesce(g.n_gaps, 0)::bigint as n_gaps_over_56_days,
  d.n_responders as denominator,
  false as is_suppressed,
  null::varchar as suppression_reason,
from spread as q
inner join intermediate.int_durability_denominator as d
  on q.indication = d.indication
  and q.instrument = d.instrument
  and q.dimension = d.dimension
  and q.level = d.level
left join long_gaps as g
  on q.indication = g.indication
  and q.instrument = g.instrument
  and q.dimension = g.dimension
  and q.level = g.level
