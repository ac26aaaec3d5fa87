MODEL (
  name intermediate.int_durability_life_table,
  kind FULL,
  description 'Life tables of response: how many evaluable patients left the risk set on each day and why, per stratum and reading of retreatment.',
  column_descriptions (
    indication = 'all, or the diagnosis that the course was for.',
    instrument = 'The outcome instrument.',
    estimand = 'What retreatment means: censor_at_retreatment, composite (it counts as loss) or competing.',
    dimension = 'overall, clinic, indication, route, setting, place, hour, dose, cumulative_dose, age_group, psychotherapy or rehabilitation.',
    level = 'The level of that dimension; all when it is overall.',
    time_days = 'Days since the last induction session.',
    n_event = 'Patients with the event of interest on the day.',
    n_competing = 'Patients with a competing event on the day; only in competing.',
    n_censored = 'Patients last seen on the day without an event.'
  ),
  grain (indication, instrument, estimand, dimension, level, time_days),
  audits (
    not_null(columns := (indication, instrument, estimand, dimension, level, time_days)),
    unique_combination_of_columns(columns := (indication, instrument, estimand, dimension, level, time_days)),
    forall(criteria := (time_days >= 1, n_event + n_competing + n_censored >= 1))
  )
);

with readings as (
  select r.estimand::varchar as estimand,
  from (values ('censor_at_retreatment'), ('composite'), ('competing')) as r(estimand)
),

estimands as (
  select
    k.patient_kind_no,
    p.instrument,
    r.estimand,
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
  cross join readings as r
  where p.is_evaluable
),

counts as (
  select
    e.patient_kind_no,
    e.instrument,
    e.estimand,
    e.time_days,
    sum(case when e.status = 1 then 1 else 0 end) as n_event,
    sum(case when e.status > 1 then 1 else 0 end) as n_competing,
    sum(case when e.status = 0 then 1 else 0 end) as n_censored,
  from estimands as e
  group by e.patient_kind_no, e.instrument, e.estimand, e.time_days
),

strata as (
  @expand_strata(counts, [instrument, estimand, time_days], [n_event, n_competing, n_censored])
)

select
  s.indication::varchar as indication,
  s.instrument::varchar as instrument,
  s.estimand::varchar as estimand,
  s.dimension::varchar as dimension,
  s.level::varchar as level,
  s.time_days::integer as time_days,
  s.n_event::bigint as n_event,
  s.n_competing::bigint as n_competing,
  s.n_censored::bigint as n_censored,
from strata as s
