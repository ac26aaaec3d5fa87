MODEL (
  name intermediate.int_ae_contrast,
  kind FULL,
  description 'The frequencies of adverse events of two groups beside each other.',
  column_descriptions (
    ae_term = 'Term of the vocabulary, or any.',
    basis = 'session, patient or patient_month.',
    ascertainment = 'Which sessions count: complete, all or spontaneous.',
    contrast_code = 'The contrast of reference.contrasts.',
    dimension = 'What the two groups are levels of.',
    level = 'The group.',
    reference_level = 'The group it is compared with.',
    numerator = 'Sessions or patients of the group with the event.',
    denominator = 'Sessions, patients or patient-months of the group.',
    rate = 'The one over the other.',
    ci_low = 'Lower limit of the rate, as in marts.adverse_event_frequencies.',
    ci_high = 'Upper limit of the rate.',
    n_patients = 'Patients of the group.',
    n_patients_with = 'Of these, patients with the event.',
    reference_numerator = 'numerator of the group it is compared with.',
    reference_denominator = 'denominator of that group.',
    reference_rate = 'rate of that group.',
    reference_ci_low = 'ci_low of that group.',
    reference_ci_high = 'ci_high of that group.',
    reference_n_patients = 'n_patients of that group.',
    reference_n_patients_with = 'n_patients_with of that group.'
  ),
  grain (ae_term, basis, ascertainment, contrast_code),
  audits (
    not_null(columns := (ae_term, basis, ascertainment, contrast_code, numerator, reference_numerator)),
    unique_combination_of_columns(columns := (ae_term, basis, ascertainment, contrast_code))
  )
);

select
  a.ae_term,
  a.basis,
  a.ascertainment,
  c.contrast_code,
  c.dimension,
  c.level,
  c.reference_level,
  a.numerator,
  a.denominator,
  a.rate,
  a.ci_low,
  a.ci_high,
  a.n_patients,
  a.n_patients_with,
  b.numerator as reference_numerator,
  b.denominator as reference_denominator,
  b.rate as reference_rate,
  b.ci_low as reference_ci_low,
  b.ci_high as reference_ci_high,
  b.n_patients as reference_n_patients,
  b.n_patients_with as reference_n_patients_with,
from reference.contrasts as c
inner join marts.adverse_event_frequencies as a
  on c.dimension = a.dimension and c.level = a.level
inner join marts.adverse_event_frequencies as b
  on c.dimension = b.dimension
  and c.reference_level = b.level
  and a.ae_term = b.ae_term
  and a.basis = b.basis
  and a.ascertainment = b.ascertainment
-- Contacts happen outside sessions, and all events of a patient have no exact limits.
where a.basis in ('session', 'patient', 'patient_month')
