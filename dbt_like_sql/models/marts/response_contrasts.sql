MODEL (
  name marts.response_contrasts,
  kind FULL,
  description 'How much two groups of patients differ in who responds. Observed in registry, uncontrolled.',
  grain (indication, instrument, time_window, definition, estimand, contrast_code),
  audits (
    not_null(columns := (indication, instrument, time_window, definition, estimand, contrast_code)),
    not_null(columns := (numerator, denominator, reference_numerator, reference_denominator)),
    unique_combination_of_columns(
      columns := (indication, instrument, time_window, definition, estimand, contrast_code)
    ),
    forall(criteria := (
      ci_low <= difference,
      difference <= ci_high
    ))
  )
);

with pairs as (
  select
    a.indication,
    a.instrument,
    a.time_window,
    a.definition,
    a.estimand,
    c.contrast_code,
    c.dimension,
    c.level,
    c.reference_level,
    a.numerator,
    a.denominator,
    a.n_eligible,
    a.n_observed,
    a.rate,
    b.numerator as reference_numerator,
    b.denominator as reference_denominator,
    b.n_eligible as reference_n_eligible,
    b.n_observed as reference_n_observed,
    b.rate as reference_rate,
  from reference.contrasts as c
  inner join marts.response_rates as a
    on c.dimension = a.dimension and c.level = a.level
  inner join marts.response_rates as b
    on c.dimension = b.dimension
    and c.reference_level = b.level
    and a.indication = b.indication
    and a.instrument = b.instrument
    and a.time_window = b.time_window
    and a.definition = b.definition
    and a.estimand = b.estimand
  where a.estimand in ('nri', 'observed')
)

select
  p.indication,
  p.instrument,
  p.time_window,
  p.definition,
  p.estimand,
  p.contrast_code,
  p.dimension,
  p.level,
  p.reference_level,
  p.numerator,
  p.denominator,
  p.rate,
  p.reference_numerator,
  p.reference_denominator,
  p.reference_rate,
  p.rate - p.reference_rate as difference,
  @difference_low(
    p.rate,
    @wilson_low(p.numerator, p.denominator),
    p.reference_rate,
    @wilson_high(p.reference_numerator, p.reference_denominator)
  ) as ci_low,
  @difference_high(
    p.rate,
    @wilson_high(p.numerator, p.denominator),
    p.reference_rate,
    @wilson_low(p.reference_numerator, p.reference_denominator)
  ) as ci_high,
  case when p.denominator > 0 and p.reference_denominator > 0 then 'newcombe' end::varchar as ci_method,
  p.n_eligible,
  p.n_observed,
  p.reference_n_eligible,
  p.reference_n_observed,
  'observed, uncontrolled'::varchar as caveat,
  false as is_suppressed,
  null::varchar as suppression_reason,
from pairs as p
