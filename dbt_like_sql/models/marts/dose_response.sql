MODEL (
  name marts.dose_response,
  kind FULL,
  description 'Who responds at each level of dose, and how steadily that rises or falls with the level. Observed in registry, uncontrolled.',
  grain (indication, instrument, time_window, definition, estimand, dimension, level, position),
  audits (
    not_null(columns := (indication, instrument, time_window, definition, estimand, dimension, level)),
    not_null(columns := (position, numerator, denominator)),
    unique_combination_of_columns(
      columns := (indication, instrument, time_window, definition, estimand, dimension, position)
    )
  )
);

with levels as (
  select
    r.indication,
    r.instrument,
    r.time_window,
    r.definition,
    r.estimand,
    d.dimension,
    d.level,
    d.position,
    r.numerator,
    r.denominator,
    r.rate,
    r.ci_low,
    r.ci_high,
    r.ci_method,
    r.n_eligible,
    r.n_observed,
  from marts.response_rates as r
  inner join reference.dose_levels as d
    on r.dimension = d.dimension and r.level = d.level
  where r.estimand in ('nri', 'observed')
),

-- A trend beside all levels but one would give the hidden one away.
sums as (
  select
    l.indication,
    l.instrument,
    l.time_window,
    l.definition,
    l.estimand,
    l.dimension,
    sum(l.numerator)::double as x,
    sum(l.denominator)::double as n,
    sum(l.position * l.numerator)::double as wx,
    sum(l.position * l.denominator)::double as wn,
    sum(l.position * l.position * l.denominator)::double as wwn,
    max(
      case
        when l.numerator between 1 and @least_shown - 1 then 1
        when l.denominator - l.numerator between 1 and @least_shown - 1 then 1
        when l.n_eligible - l.n_observed between 1 and @least_shown - 1 then 1
        else 0
      end
    ) = 1 as has_small_cell,
  from levels as l
  group by l.indication, l.instrument, l.time_window, l.definition, l.estimand, l.dimension
),

-- Cochran and Armitage: the slope of responders over positions, in standard errors of no slope.
trends as (
  select
    s.indication,
    s.instrument,
    s.time_window,
    s.definition,
    s.estimand,
    s.dimension,
    case when not s.has_small_cell then s.wx - s.x * s.wn / nullif(s.n, 0) end as slope,
    s.x * (s.n - s.x) / nullif(s.n * s.n, 0) * (s.wwn - s.wn * s.wn / nullif(s.n, 0)) as variance,
  from sums as s
)

select
  l.indication,
  l.instrument,
  l.time_window,
  l.definition,
  l.estimand,
  l.dimension,
  l.level,
  l.position,
  l.numerator,
  l.denominator,
  l.rate,
  l.ci_low,
  l.ci_high,
  l.ci_method,
  l.n_eligible,
  l.n_observed,
  case when t.variance > 0 then t.slope / sqrt(t.variance) end as trend_z,
  'observed, uncontrolled'::varchar as caveat,
  false as is_suppressed,
  null::varchar as suppression_reason,
from levels as l
inner join trends as t
  on l.indication = t.indication
  and l.instrument = t.instrument
  and l.time_window = t.time_window
  and l.definition = t.definition
  and l.estimand = t.estimand
  and l.dimension = t.dimension
