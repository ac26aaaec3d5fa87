MODEL (
  name intermediate.int_durability_life_table,
  kind FULL,
  description 'Life tables of response: how many evaluable patients left the risk set on each day and why, per stratum and reading of retreatment.',
  column_descriptions (
    stratum_no = 'The stratum, by the number of int_patient_stratum.',
    reading_no = 'The instrument and what retreatment means, by the number of int_durability_reading.',
    time_days = 'Days since the last induction session.',
    n_event = 'Patients with the event of interest on the day.',
    n_competing = 'Patients with a competing event on the day; only in competing.',
    n_censored = 'Patients last seen on the day without an event.'
  ),
  grain (stratum_no, reading_no, time_days),
  audits (
    not_null(columns := (stratum_no, reading_no, time_days)),
    unique_combination_of_columns(columns := (stratum_no, reading_no, time_days)),
    forall(criteria := (time_days >= 1, n_event + n_competing + n_censored >= 1))
  )
);

with readings as (
  select
    k.patient_kind_no,
    r.reading_no,
    case r.estimand
      when 'composite' then p.composite_days
      when 'competing' then p.competing_days
      else p.censored_days
    end as time_days,
    case r.estimand
      when 'composite' then p.composite_status
      when 'competing' then p.competing_status
      else p.censored_status
    end as status,
  from intermediate.int_durability_patient as p
  inner join intermediate.int_patient_kind as k
    on p.patient_no = k.patient_no
  inner join intermediate.int_durability_reading as r
    on p.instrument = r.instrument
  where p.is_evaluable
),

counts as (
  select
    r.patient_kind_no,
    r.reading_no,
    r.time_days,
    sum(case when r.status = 1 then 1 else 0 end)::integer as n_event,
    sum(case when r.status > 1 then 1 else 0 end)::integer as n_competing,
    sum(case when r.status = 0 then 1 else 0 end)::integer as n_censored,
  from readings as r
  group by r.patient_kind_no, r.reading_no, r.time_days
)

-- By number and not with expand_strata: grouping three million rows by three texts costs twice as much.
select
  s.stratum_no,
  c.reading_no,
  c.time_days::integer as time_days,
  sum(c.n_event)::integer as n_event,
  sum(c.n_competing)::integer as n_competing,
  sum(c.n_censored)::integer as n_censored,
from counts as c
inner join intermediate.int_patient_stratum as s
  on c.patient_kind_no = s.patient_kind_no
group by s.stratum_no, c.reading_no, c.time_days
