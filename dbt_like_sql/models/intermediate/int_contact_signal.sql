MODEL (
  name intermediate.int_contact_signal,
  kind FULL,
  description 'Patients asked about each safety signal at follow-up contacts, and those found to have it, by kind of patient and period.',
  column_descriptions (
    patient_kind_no = 'The kind of patient, by the number of int_patient_kind.',
    period_no = 'The period, by the number of reference.follow_up_periods; 0 for all of them together.',
    signal = 'The signal of reference.safety_signals.',
    n_asked = 'Patients asked at least once.',
    n_with = 'Of these, patients found to have it at least once.',
    n_contacts_asked = 'Contacts that asked.',
    n_contacts_with = 'Of these, contacts that found it.'
  ),
  grain (patient_kind_no, period_no, signal),
  audits (
    not_null(columns := (patient_kind_no, period_no, signal, n_asked, n_with)),
    unique_combination_of_columns(columns := (patient_kind_no, period_no, signal)),
    forall(criteria := (n_with <= n_asked, n_asked <= n_contacts_asked, n_contacts_with <= n_contacts_asked))
  )
);

with any_time as (
  select
    c.patient_no,
    sum(c.n_form)::integer as n_form,
    sum(c.n_bladder_asked)::integer as n_bladder_asked,
    sum(c.n_bladder)::integer as n_bladder,
    sum(c.n_cystitis)::integer as n_cystitis,
    sum(c.n_liver_asked)::integer as n_liver_asked,
    sum(c.n_liver)::integer as n_liver,
    sum(c.n_cognition)::integer as n_cognition,
    sum(c.n_misuse_asked)::integer as n_misuse_asked,
    sum(c.n_misuse)::integer as n_misuse,
    sum(c.n_death_asked)::integer as n_death_asked,
    sum(c.n_death)::integer as n_death,
  from intermediate.int_contact_period as c
  group by c.patient_no
),

patients as (
  select
    c.patient_no,
    c.period_no,
    c.n_form,
    c.n_bladder_asked,
    c.n_bladder,
    c.n_cystitis,
    c.n_liver_asked,
    c.n_liver,
    c.n_cognition,
    c.n_misuse_asked,
    c.n_misuse,
    c.n_death_asked,
    c.n_death,
  from intermediate.int_contact_period as c
  union all
  select
    a.patient_no,
    0 as period_no,
    a.n_form,
    a.n_bladder_asked,
    a.n_bladder,
    a.n_cystitis,
    a.n_liver_asked,
    a.n_liver,
    a.n_cognition,
    a.n_misuse_asked,
    a.n_misuse,
    a.n_death_asked,
    a.n_death,
  from any_time as a
),

-- Patients whose counts are the same are one row from here on.
alike as (
  select
    k.patient_kind_no,
    p.period_no,
    p.n_form,
    p.n_bladder_asked,
    p.n_bladder,
    p.n_cystitis,
    p.n_liver_asked,
    p.n_liver,
    p.n_cognition,
    p.n_misuse_asked,
    p.n_misuse,
    p.n_death_asked,
    p.n_death,
    count(*) as n_patients,
  from patients as p
  inner join intermediate.int_patient_kind as k
    on p.patient_no = k.patient_no
  group by
    k.patient_kind_no,
    p.period_no,
    p.n_form,
    p.n_bladder_asked,
    p.n_bladder,
    p.n_cystitis,
    p.n_liver_asked,
    p.n_liver,
    p.n_cognition,
    p.n_misuse_asked,
    p.n_misuse,
    p.n_death_asked,
    p.n_death
),

by_signal as (
  select
    a.patient_kind_no,
    a.period_no,
    s.signal,
    a.n_patients,
    case s.signal
      when 'bladder' then a.n_bladder_asked
      when 'cystitis' then a.n_bladder_asked
      when 'liver' then a.n_liver_asked
      when 'cognition' then a.n_form
      when 'misuse' then a.n_misuse_asked
      when 'death' then a.n_death_asked
    end as asked,
    case s.signal
      when 'bladder' then a.n_bladder
      when 'cystitis' then a.n_cystitis
      when 'liver' then a.n_liver
      when 'cognition' then a.n_cognition
      when 'misuse' then a.n_misuse
      when 'death' then a.n_death
    end as found,
  from alike as a
  cross join reference.safety_signals as s
  where s.source = 'contact'
)

select
  b.patient_kind_no,
  b.period_no,
  b.signal,
  sum(case when b.asked > 0 then b.n_patients else 0 end)::bigint as n_asked,
  sum(case when b.found > 0 then b.n_patients else 0 end)::bigint as n_with,
  sum(b.n_patients * b.asked)::bigint as n_contacts_asked,
  sum(b.n_patients * b.found)::bigint as n_contacts_with,
from by_signal as b
group by b.patient_kind_no, b.period_no, b.signal
