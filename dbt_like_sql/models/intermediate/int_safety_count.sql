MODEL (
  name intermediate.int_safety_count,
  kind FULL,
  description 'Counts behind the safety signals: treated patients, those who were asked or measured, and those who had the signal.',
  column_descriptions (
    signal = 'The signal of reference.safety_signals.',
    source = 'form, vitals or contact.',
    dimension = 'What level is a level of.',
    level = 'The level; all when dimension is overall.',
    n_patients = 'Treated patients.',
    n_asked = 'Of these, patients who were asked or measured at least once.',
    n_with = 'Of these, patients who had the signal where they were asked or measured.',
    n_noted = 'Patients who had the signal noted anywhere, also where nobody had asked.'
  ),
  grain (signal, source, dimension, level),
  audits (
    not_null(columns := (signal, source, dimension, level, n_patients, n_asked, n_with, n_noted)),
    unique_combination_of_columns(columns := (signal, source, dimension, level)),
    forall(criteria := (n_asked <= n_patients, n_with <= n_asked, n_with <= n_noted, n_noted <= n_patients))
  )
);

with kinds as (
  select k.patient_kind_no, count(*) as n_patients,
  from intermediate.int_patient_kind as k
  group by k.patient_kind_no
),

form_asked as (
  select s.patient_no,
  from intermediate.int_session as s
  where s.ae_form_status = 'complete'
  union
  select c.patient_no,
  from intermediate.int_contact_period as c
  where c.n_form > 0
),

form_asked_by_kind as (
  select k.patient_kind_no, count(*) as n_asked,
  from form_asked as f
  inner join intermediate.int_patient_kind as k
    on f.patient_no = k.patient_no
  group by k.patient_kind_no
),

form_events as (
  select e.patient_no, e.signal, max(case when e.is_asked then 1 else 0 end) as is_asked,
  from intermediate.int_safety_event as e
  group by e.patient_no, e.signal
),

form_events_by_kind as (
  select k.patient_kind_no, e.signal, sum(e.is_asked) as n_with, count(*) as n_noted,
  from form_events as e
  inner join intermediate.int_patient_kind as k
    on e.patient_no = k.patient_no
  group by k.patient_kind_no, e.signal
),

pressures as (
  select v.patient_no, sum(v.n_pressure) as n_pressure, sum(v.n_sbp_180) as n_sbp_180,
  from intermediate.int_patient_vital as v
  group by v.patient_no
),

pressures_by_kind as (
  select
    k.patient_kind_no,
    sum(case when p.n_pressure > 0 then 1 else 0 end) as n_asked,
    sum(case when p.n_sbp_180 > 0 then 1 else 0 end) as n_with,
  from pressures as p
  inner join intermediate.int_patient_kind as k
    on p.patient_no = k.patient_no
  group by k.patient_kind_no
),

found as (
  select a.patient_kind_no, s.signal, s.source, a.n_asked, e.n_with, e.n_noted,
  from form_asked_by_kind as a
  cross join reference.safety_signals as s
  left join form_events_by_kind as e
    on a.patient_kind_no = e.patient_kind_no and s.signal = e.signal
  where s.source = 'form'
  union all
  -- Events of kinds of patients of whom nobody was asked.
  select e.patient_kind_no, e.signal, 'form' as source, 0 as n_asked, e.n_with, e.n_noted,
  from form_events_by_kind as e
  left join form_asked_by_kind as a
    on e.patient_kind_no = a.patient_kind_no
  where a.patient_kind_no is null
  union all
  select p.patient_kind_no, s.signal, s.source, p.n_asked, p.n_with, p.n_with as n_noted,
  from pressures_by_kind as p
  cross join reference.safety_signals as s
  where s.source = 'vitals'
  union all
  select c.patient_kind_no, c.signal, 'contact' as source, c.n_asked, c.n_with, c.n_with as n_noted,
  from intermediate.int_contact_signal as c
  where c.period_no = 0
),

counts as (
  select
    k.patient_kind_no,
    s.signal,
    s.source,
    k.n_patients,
    coalesce(f.n_asked, 0) as n_asked,
    coalesce(f.n_with, 0) as n_with,
    coalesce(f.n_noted, 0) as n_noted,
  from kinds as k
  cross join reference.safety_signals as s
  left join found as f
    on k.patient_kind_no = f.patient_kind_no and s.signal = f.signal and s.source = f.source
),

strata as (
  @expand_strata(counts, [signal, source], [n_patients, n_asked, n_with, n_noted])
)

select
  s.signal,
  s.source,
  s.dimension,
  s.level,
  s.n_patients::bigint as n_patients,
  s.n_asked::bigint as n_asked,
  s.n_with::bigint as n_with,
  s.n_noted::bigint as n_noted,
from strata as s
where s.indication = 'all'
