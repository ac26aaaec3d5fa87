MODEL (
  name intermediate.int_ae_count,
  kind FULL,
  description 'Counts behind the frequency of every adverse-event term in every stratum, terms that nobody had included.',
  column_descriptions (
    dimension = 'overall, clinic, route or indication.',
    level = 'all, the clinic, the route or the diagnosis.',
    ascertainment = 'Which sessions count: complete, all or spontaneous.',
    ae_term = 'Term of the vocabulary, or any.',
    n_patients = 'Patients with at least one session that counts.',
    n_sessions = 'Sessions that count.',
    patient_months = 'Time at risk of a first event in months of 30.4375 days.',
    n_patients_with = 'Of the patients, those with the term.',
    n_sessions_with = 'Of the sessions, those with the term.',
    squared_residuals = 'Sum over patients of (events - rate * sessions) squared, for the cluster-adjusted interval.',
    ascertainment_rate = 'Sessions with a complete form over all sessions of the stratum.'
  ),
  grain (dimension, level, ascertainment, ae_term),
  audits (
    not_null(columns := (dimension, level, ascertainment, ae_term, n_patients, n_sessions, n_patients_with)),
    unique_combination_of_columns(columns := (dimension, level, ascertainment, ae_term)),
    forall(criteria := (
      n_patients_with <= n_patients,
      n_sessions_with <= n_sessions,
      n_patients_with <= n_sessions_with,
      patient_months >= 0,
      ascertainment_rate between 0 and 1
    ))
  )
);

with cells as (
  select distinct c.cell_no, c.dimension, c.level, c.ascertainment,
  from intermediate.int_ae_cell as c
),

exposure_by_clinic as (
  select
    p.clinic_id,
    c.dimension,
    c.level,
    c.ascertainment,
    count(*) as n_patients,
    sum(x.n_sessions) as n_sessions,
    sum(x.n_sessions * x.n_sessions) as sum_mm,
    sum(x.risk_end_day - x.risk_start_day) as risk_days,
  from intermediate.int_ae_exposure as x
  inner join intermediate.int_consented_patient as p
    on x.patient_no = p.patient_no
  inner join cells as c
    on x.cell_no = c.cell_no
  group by p.clinic_id, c.dimension, c.level, c.ascertainment
),

terms_by_clinic as (
  select
    p.clinic_id,
    c.dimension,
    c.level,
    c.ascertainment,
    t.ae_term,
    count(*) as n_patients_with,
    sum(t.n_sessions_with) as n_sessions_with,
    sum(t.n_sessions_with * t.n_sessions_with) as sum_yy,
    sum(t.n_sessions_with * t.n_sessions) as sum_ym,
    sum(t.days_after_event) as days_after_event,
  from intermediate.int_ae_patient_term as t
  inner join intermediate.int_consented_patient as p
    on t.patient_no = p.patient_no
  inner join cells as c
    on t.cell_no = c.cell_no
  group by p.clinic_id, c.dimension, c.level, c.ascertainment, t.ae_term
),

exposure as (
  select
    d.dimension,
    case d.dimension when 'clinic' then x.clinic_id else x.level end as level,
    x.ascertainment,
    sum(x.n_patients) as n_patients,
    sum(x.n_sessions) as n_sessions,
    sum(x.sum_mm) as sum_mm,
    sum(x.risk_days) as risk_days,
  from exposure_by_clinic as x
  inner join reference.strata as d
    on d.is_of_sessions and x.dimension = case d.dimension when 'clinic' then 'overall' else d.dimension end
  group by d.dimension, case d.dimension when 'clinic' then x.clinic_id else x.level end, x.ascertainment
),

counts as (
  select
    d.dimension,
    case d.dimension when 'clinic' then t.clinic_id else t.level end as level,
    t.ascertainment,
    t.ae_term,
    sum(t.n_patients_with) as n_patients_with,
    sum(t.n_sessions_with) as n_sessions_with,
    sum(t.sum_yy) as sum_yy,
    sum(t.sum_ym) as sum_ym,
    sum(t.days_after_event) as days_after_event,
  from terms_by_clinic as t
  inner join reference.strata as d
    on d.is_of_sessions and t.dimension = case d.dimension when 'clinic' then 'overall' else d.dimension end
  group by d.dimension, case d.dimension when 'clinic' then t.clinic_id else t.level end, t.ascertainment, t.ae_term
),

terms as (
  select v.ae_term,
  from reference.ae_terms as v
  union
  select 'any' as ae_term,
),

ascertainments as (
  select distinct a.ascertainment,
  from intermediate.int_ae_ascertainment as a
),

-- Every stratum with a session, even one without a session that counts: a denominator of 0 is shown as such.
strata as (
  select
    x.dimension,
    x.level,
    x.n_sessions as n_sessions_all,
    coalesce(c.n_sessions, 0) as n_sessions_complete,
  from exposure as x
  left join exposure as c
    on x.dimension = c.dimension and x.level = c.level and c.ascertainment = 'complete'
  where x.ascertainment = 'all'
),

grid as (
  select
    s.dimension,
    s.level,
    a.ascertainment,
    t.ae_term,
    @rate(s.n_sessions_complete, s.n_sessions_all) as ascertainment_rate,
  from strata as s
  cross join ascertainments as a
  cross join terms as t
),

filled as (
  select
    g.dimension,
    g.level,
    g.ascertainment,
    g.ae_term,
    g.ascertainment_rate,
    coalesce(x.n_patients, 0) as n_patients,
    coalesce(x.n_sessions, 0) as n_sessions,
    coalesce(x.sum_mm, 0) as sum_mm,
    coalesce(x.risk_days, 0) - coalesce(c.days_after_event, 0) as risk_days,
    coalesce(c.n_patients_with, 0) as n_patients_with,
    coalesce(c.n_sessions_with, 0) as n_sessions_with,
    coalesce(c.sum_yy, 0) as sum_yy,
    coalesce(c.sum_ym, 0) as sum_ym,
  from grid as g
  left join exposure as x
    on g.dimension = x.dimension and g.level = x.level and g.ascertainment = x.ascertainment
  left join counts as c
    on g.dimension = c.dimension
    and g.level = c.level
    and g.ascertainment = c.ascertainment
    and g.ae_term = c.ae_term
)

select
  f.dimension::varchar as dimension,
  f.level::varchar as level,
  f.ascertainment::varchar as ascertainment,
  f.ae_term::varchar as ae_term,
  f.n_patients::bigint as n_patients,
  f.n_sessions::bigint as n_sessions,
  f.risk_days::double / 30.4375e0 as patient_months,
  f.n_patients_with::bigint as n_patients_with,
  f.n_sessions_with::bigint as n_sessions_with,
  -- Whole numbers until the last division, so that patients who are all alike leave exactly nothing.
  (
    f.n_sessions::double * f.n_sessions * f.sum_yy
    - 2 * f.n_sessions::double * f.n_sessions_with * f.sum_ym
    + f.n_sessions_with::double * f.n_sessions_with * f.sum_mm
  ) / nullif(f.n_sessions::double * f.n_sessions, 0) as squared_residuals,
  f.ascertainment_rate,
from filled as f
