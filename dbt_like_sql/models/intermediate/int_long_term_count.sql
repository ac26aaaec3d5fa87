MODEL (
  name intermediate.int_long_term_count,
  kind FULL,
  description 'Counts behind the signals that come late: patients who could have been asked, who were, and who had it, by period and stratum.',
  column_descriptions (
    signal = 'bladder, cystitis, liver, cognition or misuse.',
    period = 'The period since the first session, or any_time.',
    dimension = 'What level is a level of.',
    level = 'The level; all when dimension is overall.',
    n_due = 'Treated patients whose data reach into the period.',
    n_asked = 'Of these, patients asked at a contact in it.',
    n_with = 'Of these, patients found to have it.',
    n_contacts_asked = 'Contacts that asked.',
    n_contacts_with = 'Of these, contacts that found it.'
  ),
  grain (signal, period, dimension, level),
  audits (
    not_null(columns := (signal, period, dimension, level, n_due, n_asked, n_with)),
    unique_combination_of_columns(columns := (signal, period, dimension, level)),
    forall(criteria := (n_asked <= n_due, n_with <= n_asked))
  )
);

with periods as (
  select p.period_no, p.period, p.start_day,
  from reference.follow_up_periods as p
  union all
  select 0 as period_no, 'any_time' as period, 0 as start_day,
),

cuts as (
  select k.patient_kind_no, p.data_cut_day, count(*) as n_patients,
  from intermediate.int_patient_kind as k
  inner join intermediate.int_consented_patient as p
    on k.patient_no = p.patient_no
  group by k.patient_kind_no, p.data_cut_day
),

due as (
  select c.patient_kind_no, p.period_no, sum(c.n_patients) as n_due,
  from cuts as c
  inner join periods as p
    on c.data_cut_day >= p.start_day
  group by c.patient_kind_no, p.period_no
),

counts as (
  select
    d.patient_kind_no,
    d.period_no,
    s.signal,
    d.n_due,
    coalesce(c.n_asked, 0) as n_asked,
    coalesce(c.n_with, 0) as n_with,
    coalesce(c.n_contacts_asked, 0) as n_contacts_asked,
    coalesce(c.n_contacts_with, 0) as n_contacts_with,
  from due as d
  cross join reference.safety_signals as s
  left join intermediate.int_contact_signal as c
    on d.patient_kind_no = c.patient_kind_no and d.period_no = c.period_no and s.signal = c.signal
  where s.is_long_term
),

strata as (
  @expand_strata(counts, [signal, period_no], [n_due, n_asked, n_with, n_contacts_asked, n_contacts_with])
)

select
  s.signal,
  p.period,
  s.dimension,
  s.level,
  s.n_due::bigint as n_due,
  s.n_asked::bigint as n_asked,
  s.n_with::bigint as n_with,
  s.n_contacts_asked::bigint as n_contacts_asked,
  s.n_contacts_with::bigint as n_contacts_with,
from strata as s
inner join periods as p
  on s.period_no = p.period_no
where s.indication = 'all'
