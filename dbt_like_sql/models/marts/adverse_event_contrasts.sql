MODEL (
  name marts.adverse_event_contrasts,
  kind FULL,
  description 'How much two groups of sessions differ in how often each adverse event was noted. Observed in registry, uncontrolled.',
  grain (ae_term, basis, ascertainment, contrast_code),
  audits (
    not_null(columns := (ae_term, basis, ascertainment, contrast_code)),
    not_null(columns := (numerator, denominator, reference_numerator, reference_denominator, estimand)),
    unique_combination_of_columns(columns := (ae_term, basis, ascertainment, contrast_code)),
    accepted_values(column := estimand, is_in := ('risk_difference', 'rate_ratio')),
    forall(criteria := (ci_low <= estimate, estimate <= ci_high))
  )
);

with limited as (
  select
    c.ae_term,
    c.basis,
    c.ascertainment,
    c.contrast_code,
    c.dimension,
    c.level,
    c.reference_level,
    c.numerator,
    c.denominator,
    c.rate,
    c.reference_numerator,
    c.reference_denominator,
    c.reference_rate,
    c.n_patients,
    c.n_patients_with,
    c.reference_n_patients,
    c.reference_n_patients_with,
    case c.basis when 'patient_month' then 'rate_ratio' else 'risk_difference' end as estimand,
    -- Sessions keep their cluster-adjusted limits; those of patients may be exact ones, which Newcombe's are not.
    case c.basis when 'session' then c.ci_low when 'patient' then @wilson_low(c.numerator, c.denominator) end as low,
    case c.basis when 'session' then c.ci_high when 'patient' then @wilson_high(c.numerator, c.denominator) end as high,
    case c.basis
      when 'session' then c.reference_ci_low
      when 'patient' then @wilson_low(c.reference_numerator, c.reference_denominator)
    end as reference_low,
    case c.basis
      when 'session' then c.reference_ci_high
      when 'patient' then @wilson_high(c.reference_numerator, c.reference_denominator)
    end as reference_high,
    nullif(@rate(c.reference_denominator, c.denominator), 0) as exposure_ratio,
  from intermediate.int_ae_contrast as c
)

select
  c.ae_term,
  c.basis,
  c.ascertainment,
  c.contrast_code,
  c.dimension,
  c.level,
  c.reference_level,
  c.numerator,
  c.denominator,
  c.rate,
  c.reference_numerator,
  c.reference_denominator,
  c.reference_rate,
  c.estimand::varchar as estimand,
  case c.estimand when 'rate_ratio' then @rate(c.rate, c.reference_rate) else c.rate - c.reference_rate end as estimate,
  case c.estimand
    when 'rate_ratio' then o.low * c.exposure_ratio
    else @difference_low(c.rate, c.low, c.reference_rate, c.reference_high)
  end as ci_low,
  case c.estimand
    when 'rate_ratio' then o.high * c.exposure_ratio
    else @difference_high(c.rate, c.high, c.reference_rate, c.reference_low)
  end as ci_high,
  case
    when c.denominator = 0 or c.reference_denominator = 0 then null
    when c.basis = 'patient_month' then 'exact_conditional'
    when c.basis = 'patient' then 'newcombe'
    else 'newcombe_cluster'
  end::varchar as ci_method,
  c.n_patients,
  c.n_patients_with,
  c.reference_n_patients,
  c.reference_n_patients_with,
  'observed, uncontrolled'::varchar as caveat,
  false as is_suppressed,
  null::varchar as suppression_reason,
from limited as c
left join intermediate.int_ae_odds_limits as o
  on c.numerator = o.n_events and c.reference_numerator = o.reference_n_events
