MODEL (
  name intermediate.int_ae_count,
  kind FULL,
  description 'Counts behind the frequency of every adverse-event term in every stratum, terms that nobody had included.',
  column_descriptions (
    noted_at = 'session or contact: where events were noted, and what is counted.',
    dimension = 'overall, clinic or a dimension of int_ae_cell; of contacts overall, clinic, route or indication.',
    level = 'all, the clinic or the level of the dimension.',
    ascertainment = 'Which of them count: complete, all or spontaneous.',
    ae_term = 'Term of the vocabulary, or any.',
    n_patients = 'Patients with at least one session (contact) that counts.',
    n_occasions = 'Sessions (contacts) that count.',
    first_event_months = 'Time at risk of a first event in months of 30.4375 days; null where no time is counted.',
    risk_months = 'The same, first event or not.',
    n_patients_with = 'Of the patients, those with the term.',
    n_occasions_with = 'Of the sessions (contacts), those with the term.',
    n_events = 'Events of the term noted at them.',
    sum_yy = 'Sum over patients of the square of their occasions with the term.',
    sum_ym = 'Sum over patients of their occasions with the term times all of theirs.',
    sum_mm = 'Sum over patients of the square of their occasions.',
    sum_ee = 'Sum over patients of the square of their events.',
    sum_et = 'Sum over patients of their events times their months at risk.',
    sum_tt = 'Sum over patients of the square of their months at risk.',
    ascertainment_rate = 'Sessions (contacts) with a complete form over all of the stratum.'
  ),
  grain (noted_at, dimension, level, ascertainment, ae_term),
  audits (
    not_null(columns := (noted_at, dimension, level, ascertainment, ae_term)),
    not_null(columns := (n_patients, n_occasions, n_patients_with, n_occasions_with, n_events)),
    unique_combination_of_columns(columns := (noted_at, dimension, level, ascertainment, ae_term)),
    forall(criteria := (
      n_patients_with <= n_patients,
      n_occasions_with <= n_occasions,
      n_patients_with <= n_occasions_with,
      first_event_months between 0 and risk_months,
      ascertainment_rate between 0 and 1
    ))
  )
);

with cells as (
  select distinct c.cell_no, c.dimension, c.level, c.ascertainment, c.is_timed,
  from intermediate.int_ae_cell as c
),

exposure as (
  select
    p.clinic_id,
    'session' as noted_at,
    c.dimension,
    c.level,
    c.ascertainment,
    count(*) as n_patients,
    sum(x.n_sessions) as n_occasions,
    sum(x.n_sessions * x.n_sessions) as sum_mm,
    sum(x.risk_end_day - x.risk_start_day) as risk_days,
    sum((x.risk_end_day - x.risk_start_day)::bigint * (x.risk_end_day - x.risk_start_day)) as sum_tt,
  from intermediate.int_ae_exposure as x
  inner join intermediate.int_consented_patient as p
    on x.patient_no = p.patient_no
  inner join cells as c
    on x.cell_no = c.cell_no
  group by p.clinic_id, c.dimension, c.level, c.ascertainment
  union all
  select
    null as clinic_id,
    'session' as noted_at,
    c.dimension,
    c.level,
    c.ascertainment,
    v.n_patients,
    v.n_sessions as n_occasions,
    v.sum_squares as sum_mm,
    null as risk_days,
    null as sum_tt,
  from intermediate.int_ae_varying_sum as v
  inner join cells as c
    on v.cell_no = c.cell_no
  where v.term_no is null
  union all
  select
    k.clinic_id,
    'contact' as noted_at,
    k.dimension,
    k.level,
    k.ascertainment,
    k.n_patients,
    k.n_contacts as n_occasions,
    k.sum_squares as sum_mm,
    null as risk_days,
    null as sum_tt,
  from intermediate.int_ae_contact_sum as k
  where k.term_no is null
),

events as (
  select
    s.clinic_id,
    'session' as noted_at,
    c.dimension,
    c.level,
    c.ascertainment,
    s.term_no,
    s.n_patients_with,
    s.n_sessions_with as n_occasions_with,
    s.n_events,
    s.days_after_event,
    s.sum_yy,
    s.sum_ym,
    s.sum_ee,
    s.sum_et,
  from intermediate.int_ae_sum as s
  inner join cells as c
    on s.cell_no = c.cell_no
  union all
  select
    null as clinic_id,
    'session' as noted_at,
    c.dimension,
    c.level,
    c.ascertainment,
    v.term_no,
    v.n_patients as n_patients_with,
    v.n_sessions as n_occasions_with,
    null as n_events,
    null as days_after_event,
    v.sum_squares as sum_yy,
    v.sum_products as sum_ym,
    null as sum_ee,
    null as sum_et,
  from intermediate.int_ae_varying_sum as v
  inner join cells as c
    on v.cell_no = c.cell_no
  where v.term_no is not null
  union all
  select
    k.clinic_id,
    'contact' as noted_at,
    k.dimension,
    k.level,
    k.ascertainment,
    k.term_no,
    k.n_patients as n_patients_with,
    k.n_contacts as n_occasions_with,
    k.n_events,
    null as days_after_event,
    k.sum_squares as sum_yy,
    k.sum_products as sum_ym,
    null as sum_ee,
    null as sum_et,
  from intermediate.int_ae_contact_sum as k
  where k.term_no is not null
),

-- A clinic is all that was counted there.
dimensions as (
  select d.dimension, case d.dimension when 'clinic' then 'overall' else d.dimension end as counted_as,
  from reference.strata as d
  where d.is_of_sessions
),

denominators as (
  select
    x.noted_at,
    d.dimension,
    case d.dimension when 'clinic' then x.clinic_id else x.level end as level,
    x.ascertainment,
    sum(x.n_patients) as n_patients,
    sum(x.n_occasions) as n_occasions,
    sum(x.sum_mm) as sum_mm,
    sum(x.risk_days) as risk_days,
    sum(x.sum_tt) as sum_tt,
  from exposure as x
  inner join dimensions as d
    on x.dimension = d.counted_as
  group by x.noted_at, d.dimension, case d.dimension when 'clinic' then x.clinic_id else x.level end, x.ascertainment
),

numerators as (
  select
    e.noted_at,
    d.dimension,
    case d.dimension when 'clinic' then e.clinic_id else e.level end as level,
    e.ascertainment,
    e.term_no,
    sum(e.n_patients_with) as n_patients_with,
    sum(e.n_occasions_with) as n_occasions_with,
    sum(e.n_events) as n_events,
    sum(e.days_after_event) as days_after_event,
    sum(e.sum_yy) as sum_yy,
    sum(e.sum_ym) as sum_ym,
    sum(e.sum_ee) as sum_ee,
    sum(e.sum_et) as sum_et,
  from events as e
  inner join dimensions as d
    on e.dimension = d.counted_as
  group by
    e.noted_at, d.dimension, case d.dimension when 'clinic' then e.clinic_id else e.level end, e.ascertainment, e.term_no
),

sessions as (
  select s.clinic_id, s.session_kind_no, count(*) as n_sessions,
  from intermediate.int_session as s
  group by s.clinic_id, s.session_kind_no
),

-- Every stratum with a session, even one without a session that counts: a denominator of 0 is shown as such.
asked as (
  select s.clinic_id, 'session' as noted_at, c.dimension, c.level, c.ascertainment, c.is_timed, s.n_sessions as n_asked,
  from sessions as s
  inner join intermediate.int_ae_cell as c
    on s.session_kind_no = c.session_kind_no
  union all
  select x.clinic_id, x.noted_at, x.dimension, x.level, x.ascertainment, true as is_timed, x.n_occasions as n_asked,
  from exposure as x
  where x.noted_at = 'contact'
),

strata as (
  select
    a.noted_at,
    d.dimension,
    case d.dimension when 'clinic' then a.clinic_id else a.level end as level,
    a.is_timed,
    @rate(
      sum(case when a.ascertainment = 'complete' then a.n_asked else 0 end),
      sum(case when a.ascertainment = 'all' then a.n_asked else 0 end)
    ) as ascertainment_rate,
  from asked as a
  inner join dimensions as d
    on a.dimension = d.counted_as
  group by a.noted_at, d.dimension, case d.dimension when 'clinic' then a.clinic_id else a.level end, a.is_timed
),

ascertainments as (
  select distinct a.ascertainment,
  from intermediate.int_ae_ascertainment as a
),

filled as (
  select
    s.noted_at,
    s.dimension,
    s.level,
    a.ascertainment,
    t.ae_term,
    s.ascertainment_rate,
    coalesce(x.n_patients, 0) as n_patients,
    coalesce(x.n_occasions, 0) as n_occasions,
    coalesce(x.sum_mm, 0) as sum_mm,
    case when s.is_timed and s.noted_at = 'session' then coalesce(x.risk_days, 0) end as risk_days,
    coalesce(x.sum_tt, 0) as sum_tt,
    coalesce(e.n_patients_with, 0) as n_patients_with,
    coalesce(e.n_occasions_with, 0) as n_occasions_with,
    coalesce(e.n_events, 0) as n_events,
    coalesce(e.days_after_event, 0) as days_after_event,
    coalesce(e.sum_yy, 0) as sum_yy,
    coalesce(e.sum_ym, 0) as sum_ym,
    coalesce(e.sum_ee, 0) as sum_ee,
    coalesce(e.sum_et, 0) as sum_et,
  from strata as s
  inner join ascertainments as a
    on s.is_timed or a.ascertainment = 'complete'
  cross join intermediate.int_ae_term as t
  left join denominators as x
    on s.noted_at = x.noted_at
    and s.dimension = x.dimension
    and s.level = x.level
    and a.ascertainment = x.ascertainment
  left join numerators as e
    on s.noted_at = e.noted_at
    and s.dimension = e.dimension
    and s.level = e.level
    and a.ascertainment = e.ascertainment
    and t.term_no = e.term_no
)

select
  f.noted_at::varchar as noted_at,
  f.dimension::varchar as dimension,
  f.level::varchar as level,
  f.ascertainment::varchar as ascertainment,
  f.ae_term,
  f.n_patients::bigint as n_patients,
  f.n_occasions::bigint as n_occasions,
  (f.risk_days - f.days_after_event)::double / 30.4375e0 as first_event_months,
  f.risk_days::double / 30.4375e0 as risk_months,
  f.n_patients_with::bigint as n_patients_with,
  f.n_occasions_with::bigint as n_occasions_with,
  f.n_events::bigint as n_events,
  f.sum_yy::bigint as sum_yy,
  f.sum_ym::bigint as sum_ym,
  f.sum_mm::bigint as sum_mm,
  f.sum_ee::bigint as sum_ee,
  f.sum_et::double / 30.4375e0 as sum_et,
  f.sum_tt::double / (30.4375e0 * 30.4375e0) as sum_tt,
  f.ascertainment_rate,
from filled as f
