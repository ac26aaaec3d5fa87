MODEL (
  name marts.adverse_event_frequencies,
  kind FULL,
  description 'How often each adverse event was noted: per session, per patient, per patient-month and per follow-up contact. Observed in registry, uncontrolled.',
  grain (ae_term, basis, ascertainment, dimension, level),
  audits (
    not_null(columns := (ae_term, basis, ascertainment, dimension, level, numerator, denominator, n_patients)),
    unique_combination_of_columns(columns := (ae_term, basis, ascertainment, dimension, level)),
    accepted_values(
      column := basis, is_in := ('session', 'patient', 'patient_month', 'patient_month_events', 'contact')
    ),
    forall(criteria := (
      rate is not null or denominator = 0,
      rate is null or (ci_low <= rate and rate <= ci_high),
      basis in ('patient_month', 'patient_month_events') or rate is null or (ci_low >= 0 and ci_high <= 1)
    ))
  )
);

with bases as (
  select b.basis::varchar as basis, b.noted_at::varchar as noted_at, b.is_timed::boolean as is_timed,
  from (values
    ('session', 'session', false),
    ('patient', 'session', false),
    ('patient_month', 'session', true),
    ('patient_month_events', 'session', true),
    ('contact', 'contact', false)
  ) as b(basis, noted_at, is_timed)
),

counted as (
  select
    c.ae_term,
    b.basis,
    b.is_timed,
    c.ascertainment,
    c.dimension,
    c.level,
    case
      when b.basis in ('patient', 'patient_month') then c.n_patients_with
      when b.basis = 'patient_month_events' then c.n_events
      else c.n_occasions_with
    end as numerator,
    case b.basis
      when 'patient' then c.n_patients::double
      when 'patient_month' then c.first_event_months
      when 'patient_month_events' then c.risk_months
      else c.n_occasions::double
    end as denominator,
    c.n_patients,
    c.n_patients_with,
    case
      when b.basis = 'patient' then c.n_patients::double
      else @n_effective(c.n_patients, c.n_occasions_with, c.n_occasions, [c.sum_yy, c.sum_ym, c.sum_mm])
    end as n_effective,
    -- Events of a patient cluster and may not spread less than chance, whatever a few patients show.
    greatest(
      @log_rate_error(c.n_patients, c.n_events, c.risk_months, [c.sum_ee, c.sum_et, c.sum_tt]),
      1 / sqrt(nullif(c.n_events, 0)::double)
    ) as log_rate_error,
    c.ascertainment_rate,
  from intermediate.int_ae_count as c
  inner join bases as b
    on c.noted_at = b.noted_at and (c.risk_months is not null or not b.is_timed)
),

limited as (
  select
    c.ae_term,
    c.basis,
    c.ascertainment,
    c.dimension,
    c.level,
    c.numerator,
    c.denominator,
    c.n_patients,
    c.n_patients_with,
    c.ascertainment_rate,
    @rate(c.numerator, c.denominator) as rate,
    case
      when c.basis = 'patient_month_events' and c.n_patients > 1 and c.numerator > 0
        then @rate(c.numerator, c.denominator) * exp(-@z * c.log_rate_error)
      -- One patient shows no variance between patients; then it counts as one event, as often as it was.
      when c.is_timed then @rate(g.low * c.numerator, c.denominator * greatest(c.n_patients_with, 1))
      when c.basis = 'patient' and c.n_patients < @exact_below then e.ci_low
      else @wilson_low(@rate(c.numerator, c.denominator) * c.n_effective, c.n_effective)
    end as ci_low,
    case
      when c.basis = 'patient_month_events' and c.n_patients > 1 and c.numerator > 0
        then @rate(c.numerator, c.denominator) * exp(@z * c.log_rate_error)
      when c.is_timed and c.numerator = 0 then @rate(g.high, c.denominator)
      when c.is_timed then @rate(g.high * c.numerator, c.denominator * c.n_patients_with)
      when c.basis = 'patient' and c.n_patients < @exact_below then e.ci_high
      else @wilson_high(@rate(c.numerator, c.denominator) * c.n_effective, c.n_effective)
    end as ci_high,
    case
      when c.basis = 'patient_month' then 'garwood'
      when c.basis = 'patient_month_events' then 'log_cluster'
      when c.basis <> 'patient' then 'wilson_cluster'
      when c.n_patients < @exact_below then 'clopper_pearson'
      else 'wilson'
    end as ci_method,
    -- Where nothing was seen the bound of 95 % on one side: of patients, whose sessions are not independent, or of time.
    case
      when c.numerator = 0 and c.denominator > 0
        then case
          when c.is_timed then -ln(0.05e0) / c.denominator
          else 1 - power(0.05e0, 1.0e0 / c.n_patients)
        end
    end as zero_upper,
  from counted as c
  left join reference.clopper_pearson as e
    on c.n_patients_with = e.numerator and c.n_patients = e.denominator
  left join reference.garwood as g
    on c.n_patients_with = g.n_events
)

select
  w.ae_term,
  w.basis,
  w.ascertainment,
  w.dimension,
  w.level,
  w.numerator::bigint as numerator,
  w.denominator,
  w.rate,
  w.ci_low,
  w.ci_high,
  w.ci_method::varchar as ci_method,
  w.zero_upper,
  case when w.numerator = 0 and r.cioms_class is not null then 'not_observed' else r.cioms_class end as cioms_class,
  l.cioms_class as cioms_class_low,
  h.cioms_class as cioms_class_high,
  h.position - l.position > 1 as is_imprecise,
  w.n_patients,
  w.n_patients_with,
  w.ascertainment_rate,
  w.ascertainment_rate < @least_ascertained as is_ascertainment_low,
  false as is_suppressed,
  null::varchar as suppression_reason,
from limited as w
left join reference.cioms_classes as r
  on w.basis = 'patient' and w.rate >= r.at_least and w.rate < r.below
left join reference.cioms_classes as l
  on w.basis = 'patient' and w.ci_low >= l.at_least and w.ci_low < l.below
left join reference.cioms_classes as h
  on w.basis = 'patient' and w.ci_high >= h.at_least and w.ci_high < h.below
