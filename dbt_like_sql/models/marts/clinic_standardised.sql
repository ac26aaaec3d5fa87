MODEL (
  name marts.clinic_standardised,
  kind FULL,
  description 'Responders of each clinic beside those expected if its kinds of patients responded as in the registry. Observed in registry, uncontrolled. A patient seen at two clinics counts twice. Never a verdict on quality.',
  grain (instrument, time_window, estimand, level),
  audits (
    not_null(columns := (instrument, time_window, estimand, level, numerator, denominator, n_patients)),
    unique_combination_of_columns(columns := (instrument, time_window, estimand, level)),
    forall(criteria := (
      numerator between 0 and denominator,
      denominator <= n_patients,
      ci_low <= ratio,
      ratio <= ci_high
    ))
  )
);

with registry as (
  select
    t.instrument,
    t.time_window,
    t.estimand,
    sum(t.numerator) as numerator,
    sum(t.denominator) as denominator,
    sum(case when t.denominator > 0 then 1 else 0 end) as n_strata,
  from intermediate.int_case_mix_total as t
  group by t.instrument, t.time_window, t.estimand
),

clinics as (
  select
    m.instrument,
    m.time_window,
    m.estimand,
    m.clinic_id,
    sum(m.numerator) as numerator,
    sum(m.denominator) as denominator,
  from intermediate.int_case_mix as m
  group by m.instrument, m.time_window, m.estimand, m.clinic_id
),

-- A large clinic would be compared mostly with itself, so it is taken out of what it is compared with.
shares as (
  select
    c.instrument,
    c.time_window,
    c.estimand,
    c.clinic_id,
    case when c.denominator > @own_reference_share * r.denominator then 1 else 0 end as left_out,
    c.numerator as own_numerator,
    c.denominator as own_denominator,
    r.numerator,
    r.denominator,
    r.n_strata,
  from clinics as c
  inner join registry as r
    on c.instrument = r.instrument and c.time_window = r.time_window and c.estimand = r.estimand
),

clinic_references as (
  select
    s.instrument,
    s.time_window,
    s.estimand,
    s.clinic_id,
    s.left_out,
    s.own_denominator as n_patients,
    s.numerator - s.left_out * s.own_numerator as numerator,
    s.denominator - s.left_out * s.own_denominator as denominator,
    s.n_strata,
  from shares as s
),

strata as (
  select
    m.instrument,
    m.time_window,
    m.estimand,
    m.clinic_id,
    m.numerator,
    m.denominator,
    m.n_eligible,
    m.n_observed,
    @rate(m.numerator, m.denominator) as rate,
    t.numerator - r.left_out * m.numerator as reference_numerator,
    t.denominator - r.left_out * m.denominator as reference_denominator,
  from intermediate.int_case_mix as m
  inner join intermediate.int_case_mix_total as t
    on m.instrument = t.instrument
    and m.time_window = t.time_window
    and m.estimand = t.estimand
    and m.stratum = t.stratum
  inner join clinic_references as r
    on m.instrument = r.instrument
    and m.time_window = r.time_window
    and m.estimand = r.estimand
    and m.clinic_id = r.clinic_id
),

-- Patients of a kind that nobody else treats cannot be compared.
compared as (
  select
    s.instrument,
    s.time_window,
    s.estimand,
    s.clinic_id,
    sum(case when s.reference_denominator > 0 then s.numerator else 0 end) as numerator,
    sum(case when s.reference_denominator > 0 then s.denominator else 0 end) as denominator,
    sum(case when s.reference_denominator > 0 then s.n_eligible else 0 end) as n_eligible,
    sum(case when s.reference_denominator > 0 then s.n_observed else 0 end) as n_observed,
    -- A sum of decimals is the same in any order.
    sum((s.denominator * @rate(s.reference_numerator, s.reference_denominator))::decimal(38, 18))::double as expected,
    sum(case when s.reference_denominator > 0 and s.denominator > 0 then 1 else 0 end) as n_shared,
    sum(case when s.reference_denominator = 0 and s.denominator > 0 then 1 else 0 end) as n_alone,
    sum((s.reference_denominator * s.rate)::decimal(38, 18))::double as weighted_rate,
    sum(@rate(power(s.reference_denominator, 2) * s.rate * (1 - s.rate), s.denominator)::decimal(38, 18))::double
      as weighted_variance,
  from strata as s
  group by s.instrument, s.time_window, s.estimand, s.clinic_id
),

standardised as (
  select
    c.instrument,
    c.time_window,
    c.estimand,
    c.clinic_id,
    c.numerator,
    c.denominator,
    r.n_patients,
    c.n_eligible,
    c.n_observed,
    c.expected,
    @rate(r.numerator, r.denominator) as reference_rate,
    r.left_out = 1 as is_left_out,
    case when c.n_shared = r.n_strata - c.n_alone then @rate(c.weighted_rate, r.denominator) end as direct_rate,
    @rate(sqrt(c.weighted_variance), r.denominator) as direct_std_err,
  from compared as c
  inner join clinic_references as r
    on c.instrument = r.instrument
    and c.time_window = r.time_window
    and c.estimand = r.estimand
    and c.clinic_id = r.clinic_id
)

select
  s.instrument,
  s.time_window,
  s.estimand,
  s.clinic_id as level,
  s.numerator::bigint as numerator,
  s.denominator::bigint as denominator,
  @rate(s.numerator, s.denominator) as rate,
  s.expected,
  @rate(s.numerator, s.expected) as ratio,
  @rate(g.low, s.expected) as ci_low,
  @rate(g.high, s.expected) as ci_high,
  case when s.expected > 0 then 'garwood' end::varchar as ci_method,
  @rate(s.numerator, s.expected) * s.reference_rate as standardised_rate,
  s.reference_rate,
  s.is_left_out,
  s.direct_rate,
  case when s.direct_rate is not null then s.direct_std_err end as direct_std_err,
  case when s.direct_rate is not null then greatest(s.direct_rate - @z * s.direct_std_err, 0) end as direct_low,
  case when s.direct_rate is not null then least(s.direct_rate + @z * s.direct_std_err, 1) end as direct_high,
  s.n_patients::bigint as n_patients,
  s.n_eligible::bigint as n_eligible,
  s.n_observed::bigint as n_observed,
  'observed, uncontrolled'::varchar as caveat,
  false as is_suppressed,
  null::varchar as suppression_reason,
from standardised as s
left join reference.garwood as g
  on s.numerator = g.n_events
