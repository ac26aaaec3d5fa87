MODEL (
  name intermediate.int_co_treatment,
  kind FULL,
  description 'Treated patients with each treatment besides ketamine, counted by kind of patient among those whose clinic reports such treatments at all.',
  column_descriptions (
    main_kind_no = 'The kind of patient, by the number of int_main_kind.',
    source = 'co_therapy, conmed, premedication or opioid: the table that says so.',
    treatment = 'The kind of treatment or class of medicine.',
    n_reported = 'Patients of whom the source says something: those of clinics that send the table, and for opioids those who were asked before treatment.',
    n_with = 'Of these, patients with the treatment: begun by the end of induction and not over before it, or given before a session of it.'
  ),
  grain (main_kind_no, source, treatment),
  audits (
    not_null(columns := (main_kind_no, source, treatment, n_reported, n_with)),
    unique_combination_of_columns(columns := (main_kind_no, source, treatment)),
    forall(criteria := (n_with <= n_reported))
  )
);

with periods as (
  select t.clinic_id, t.patient_id, 'co_therapy' as source, t.kind as treatment, t.start_day, t.end_day,
  from staging.stg_co_therapy as t
  union all
  -- Without a start a medicine was begun before the first session.
  select m.clinic_id, m.patient_id, 'conmed' as source, m.class as treatment, coalesce(m.start_day, -1), m.end_day,
  from staging.stg_conmed as m
),

premedicated as (
  select
    s.patient_no,
    max(case when s.premedication in ('benzodiazepine', 'both') then 1 else 0 end) as benzodiazepine,
    max(case when s.premedication in ('alpha2', 'both') then 1 else 0 end) as alpha2,
  from intermediate.int_session as s
  where s.phase_derived = 'induction' and s.premedication <> 'not_reported'
  group by s.patient_no
),

asked as (
  select
    c.patient_no,
    -- What cannot be converted is an opioid all the same.
    max(case when o.mme_per_day = 0 then 0 else 1 end) as opioid,
  from intermediate.int_opioid_mme as o
  inner join intermediate.int_cohort as c
    on o.patient_no = c.patient_no
  where o.study_day - c.course_start_day between -@baseline_days and 0
  group by c.patient_no
),

given as (
  select distinct c.patient_no, p.source, p.treatment,
  from periods as p
  inner join intermediate.int_cohort as c
    on p.clinic_id = c.clinic_id and p.patient_id = c.patient_id
  where p.start_day <= c.last_induction_day and coalesce(p.end_day, c.course_start_day) >= c.course_start_day
  union all
  select p.patient_no, 'premedication' as source, m.treatment,
  from premedicated as p
  cross join (values ('benzodiazepine'), ('alpha2')) as m(treatment)
  where case m.treatment when 'alpha2' then p.alpha2 else p.benzodiazepine end = 1
  union all
  select a.patient_no, 'opioid' as source, 'any' as treatment,
  from asked as a
  where a.opioid = 1
),

senders as (
  select distinct p.clinic_id, p.source,
  from periods as p
),

reported as (
  select c.patient_no, s.source,
  from intermediate.int_cohort as c
  inner join senders as s
    on c.clinic_id = s.clinic_id
  union all
  select p.patient_no, 'premedication' as source,
  from premedicated as p
  union all
  select a.patient_no, 'opioid' as source,
  from asked as a
),

denominators as (
  select m.main_kind_no, r.source, count(*) as n_reported,
  from reported as r
  inner join intermediate.int_patient_kind as k
    on r.patient_no = k.patient_no
  inner join intermediate.int_main_kind as m
    on k.patient_kind_no = m.patient_kind_no
  group by m.main_kind_no, r.source
),

treatments as (
  select p.source, p.treatment,
  from periods as p
  union
  select m.source, m.treatment,
  from (values ('premedication', 'benzodiazepine'), ('premedication', 'alpha2'), ('opioid', 'any')) as m(source, treatment)
),

numerators as (
  select m.main_kind_no, g.source, g.treatment, count(*) as n_with,
  from given as g
  inner join intermediate.int_patient_kind as k
    on g.patient_no = k.patient_no
  inner join intermediate.int_main_kind as m
    on k.patient_kind_no = m.patient_kind_no
  group by m.main_kind_no, g.source, g.treatment
)

select
  d.main_kind_no,
  d.source::varchar as source,
  t.treatment::varchar as treatment,
  d.n_reported,
  coalesce(n.n_with, 0) as n_with,
from denominators as d
inner join treatments as t
  on d.source = t.source
left join numerators as n
  on d.main_kind_no = n.main_kind_no and d.source = n.source and t.treatment = n.treatment
