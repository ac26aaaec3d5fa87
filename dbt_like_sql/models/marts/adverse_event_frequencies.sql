MODEL (
  name marts.adverse_event_frequencies,
  kind FULL,
  description 'How often each adverse event was noted, per session, per patient and per patient-month. Observed in registry, uncontrolled.',
  column_descriptions (
    ae_term = 'Term of the vocabulary, or any. A rate of 0 means not observed, up to ci_high; it never means that it does not occur.',
    basis = 'session: sessions with the event. patient: patients with the event in at least one session. patient_month: patients with a first event per month at risk.',
    ascertainment = 'Which sessions count, in numerator and denominator: complete (primary), all (nothing noted counts as no event, a lower bound) or spontaneous.',
    dimension = 'overall, clinic, route or indication. A patient treated by two routes counts in both.',
    level = 'all, the clinic, the route or the diagnosis.',
    numerator = 'Sessions with the event, or patients with the event.',
    denominator = 'Sessions, patients or patient-months.',
    rate = 'numerator / denominator, null when the denominator is 0.',
    ci_low = 'Lower limit of the 95 % interval.',
    ci_high = 'Upper limit of the 95 % interval.',
    ci_method = 'wilson_cluster (patients as clusters), wilson, clopper_pearson (fewer than exact_below patients) or garwood.',
    n_patients = 'Patients in the denominator. A patient seen at two clinics counts twice.',
    n_patients_with = 'Of these, patients with the event.',
    ascertainment_rate = 'Sessions with a complete form over all sessions of the stratum; below 0.70 the frequencies mislead.',
    is_suppressed = 'Whether the row is hidden for small cells; always false here, decided at release.',
    suppression_reason = 'Why the row is hidden.'
  ),
  grain (ae_term, basis, ascertainment, dimension, level),
  audits (
    not_null(columns := (ae_term, basis, ascertainment, dimension, level, numerator, denominator, n_patients)),
    unique_combination_of_columns(columns := (ae_term, basis, ascertainment, dimension, level)),
    accepted_values(column := basis, is_in := ('session', 'patient', 'patient_month')),
    forall(criteria := (
      rate is not null or denominator = 0,
      rate is null or (ci_low <= rate and rate <= ci_high),
      basis = 'patient_month' or rate is null or (ci_low >= 0 and ci_high <= 1)
    ))
  )
);

with bases as (
  select b.basis::varchar as basis,
  from (values ('session'), ('patient'), ('patient_month')) as b(basis)
),

counted as (
  select
    c.ae_term,
    b.basis,
    c.ascertainment,
    c.dimension,
    c.level,
    case b.basis when 'session' then c.n_sessions_with else c.n_patients_with end as numerator,
    case b.basis
      when 'session' then c.n_sessions::double
      when 'patient' then c.n_patients::double
      else c.patient_months
    end as denominator,
    c.n_patients,
    c.n_patients_with,
    c.squared_residuals,
    c.ascertainment_rate,
  from intermediate.int_ae_count as c
  cross join bases as b
),

-- The ratio estimator: the variance between patients says how many independent sessions the sessions are worth.
-- A frequency of 0 or 1 shows no variance, and one patient has none to show: then patients are what is counted.
weighed as (
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
      when c.basis <> 'session' or c.numerator in (0, c.denominator) or c.n_patients = 1 then c.n_patients::double
      else least(
        c.denominator,
        c.numerator * (c.denominator - c.numerator)
        / nullif(c.squared_residuals * c.n_patients / (c.n_patients - 1), 0)
      )
    end as n_effective,
  from counted as c
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
  case
    when w.basis = 'patient_month' then @rate(g.low, w.denominator)
    when w.basis = 'patient' and w.n_patients < @exact_below then e.ci_low
    else @wilson_low(w.rate * w.n_effective, w.n_effective)
  end as ci_low,
  case
    when w.basis = 'patient_month' then @rate(g.high, w.denominator)
    when w.basis = 'patient' and w.n_patients < @exact_below then e.ci_high
    else @wilson_high(w.rate * w.n_effective, w.n_effective)
  end as ci_high,
  case
    when w.basis = 'patient_month' then 'garwood'
    when w.basis = 'session' then 'wilson_cluster'
    when w.n_patients < @exact_below then 'clopper_pearson'
    else 'wilson'
  end as ci_method,
  w.n_patients,
  w.n_patients_with,
  w.ascertainment_rate,
  false as is_suppressed,
  null::varchar as suppression_reason,
from weighed as w
left join reference.clopper_pearson as e
  on w.n_patients_with = e.numerator and w.n_patients = e.denominator
left join reference.garwood as g
  on w.n_patients_with = g.n_events
