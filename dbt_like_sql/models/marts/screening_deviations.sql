MODEL (
  name marts.screening_deviations,
  kind FULL,
  description 'What screening found and decided, and how many patients were treated against it. Observed in registry, uncontrolled.',
  grain (item, measure, dimension, level),
  audits (
    not_null(columns := (item, measure, dimension, level, numerator, denominator)),
    unique_combination_of_columns(columns := (item, measure, dimension, level)),
    forall(criteria := (numerator between 0 and denominator, ci_low <= rate, rate <= ci_high))
  )
);

with strata as (
  select
    d.dimension,
    case d.dimension
      when 'clinic' then c.clinic_id
      when 'indication' then c.indication_code
      when 'place' then c.place_code
      else 'all'
    end as level,
    c.item,
    sum(c.n_reported) as n_reported,
    sum(c.n_assessed) as n_assessed,
    sum(c.n_present_controlled) as n_present_controlled,
    sum(c.n_present_uncontrolled) as n_present_uncontrolled,
    sum(c.n_abnormal) as n_abnormal,
    sum(c.n_decided) as n_decided,
    sum(c.n_proceed_precaution) as n_proceed_precaution,
    sum(c.n_decline) as n_decline,
    sum(c.n_treated) as n_treated,
    sum(c.n_treated_declined) as n_treated_declined,
    sum(c.n_treated_contraindicated) as n_treated_contraindicated,
    sum(c.n_treated_not_assessed) as n_treated_not_assessed,
    sum(c.n_treated_without_requirement) as n_treated_without_requirement,
    sum(c.n_treated_with_deviation) as n_treated_with_deviation,
  from intermediate.int_screening_counts as c
  cross join (values ('overall'), ('clinic'), ('indication'), ('place')) as d(dimension)
  group by
    d.dimension,
    case d.dimension
      when 'clinic' then c.clinic_id
      when 'indication' then c.indication_code
      when 'place' then c.place_code
      else 'all'
    end,
    c.item
),

-- Where there are three answers the second is counted among those without the first: of three shares of one whole a
-- hidden one could be worked out.
measures as (
  select
    s.item,
    m.measure,
    s.dimension,
    s.level,
    case m.measure
      when 'assessed' then s.n_assessed
      when 'present_controlled' then s.n_present_controlled
      when 'present_uncontrolled' then s.n_present_uncontrolled
      when 'abnormal' then s.n_abnormal
      when 'proceed_precaution' then s.n_proceed_precaution
      when 'decline' then s.n_decline
      when 'treated_declined' then s.n_treated_declined
      when 'treated_contraindicated' then s.n_treated_contraindicated
      when 'treated_not_assessed' then s.n_treated_not_assessed
      when 'treated_without_requirement' then s.n_treated_without_requirement
      when 'treated_with_deviation' then s.n_treated_with_deviation
    end as numerator,
    case m.base
      when 'reported' then s.n_reported
      when 'assessed' then s.n_assessed
      when 'not_uncontrolled' then s.n_assessed - s.n_present_uncontrolled
      when 'decided' then s.n_decided
      when 'not_declined' then s.n_decided - s.n_decline
      when 'treated' then s.n_treated
    end as denominator,
  from strata as s
  cross join (
    values
      ('assessed', 'reported'),
      ('present_uncontrolled', 'assessed'),
      ('present_controlled', 'not_uncontrolled'),
      ('abnormal', 'assessed'),
      ('decline', 'decided'),
      ('proceed_precaution', 'not_declined'),
      ('treated_declined', 'treated'),
      ('treated_contraindicated', 'treated'),
      ('treated_not_assessed', 'treated'),
      ('treated_without_requirement', 'treated'),
      ('treated_with_deviation', 'treated')
  ) as m(measure, base)
),

reported as (
  @expand_strata(intermediate.int_screening_reporting, [], [n_patients, n_screened])
),

counted as (
  select
    m.item,
    m.measure,
    m.dimension,
    m.level,
    m.numerator::bigint as numerator,
    m.denominator::bigint as denominator,
  from measures as m
  union all
  select
    'any' as item,
    'reported' as measure,
    r.dimension,
    r.level,
    r.n_screened::bigint as numerator,
    r.n_patients::bigint as denominator,
  from reported as r
  where r.indication = 'all' and r.dimension in ('overall', 'clinic', 'indication', 'place')
)

select
  c.item::varchar as item,
  c.measure::varchar as measure,
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
