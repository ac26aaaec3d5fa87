MODEL (
  name marts.booster_patterns,
  kind FULL,
  description 'How far apart maintenance sessions are and how much is given at them, as quartiles. Observed in registry, uncontrolled.',
  grain (indication, measure, dimension, level),
  audits (
    not_null(columns := (indication, measure, dimension, level, n_patients, n_sessions)),
    unique_combination_of_columns(columns := (indication, measure, dimension, level)),
    forall(criteria := (n_patients <= n_sessions, lower_quartile <= median, median <= upper_quartile))
  )
);

-- Only patients with maintenance, so that the days before each session are looked up for few.
with sessions as (
  select
    s.patient_no,
    s.study_day,
    s.phase_derived,
    s.dose_mg,
    s.dose_mg_per_kg,
    lag(s.study_day) over (partition by s.patient_no order by s.study_day, s.session_no, s.session_id) as previous_day,
    lag(s.phase_derived) over (partition by s.patient_no order by s.study_day, s.session_no, s.session_id)
      as previous_phase,
  from intermediate.int_maintenance_patient as p
  inner join intermediate.int_cohort as c
    on p.patient_no = c.patient_no
  inner join intermediate.int_session as s
    on p.patient_no = s.patient_no
  where p.n_boosters > 0 and s.study_day >= c.last_induction_day
),

boosters as (
  select
    s.patient_no,
    m.measure,
    case m.measure
      when 'days_from_induction' then
        case when s.previous_phase = 'induction' then s.study_day - s.previous_day end::double
      when 'days_between_boosters' then
        case when s.previous_phase = 'maintenance' then s.study_day - s.previous_day end::double
      when 'dose_mg' then s.dose_mg::double
      when 'dose_mg_per_kg' then s.dose_mg_per_kg::decimal(7, 3)::double
    end as value,
  from sessions as s
  cross join (
    values ('days_from_induction'), ('days_between_boosters'), ('dose_mg'), ('dose_mg_per_kg')
  ) as m(measure)
  where s.phase_derived = 'maintenance'
),

measured as (
  select g.main_kind_no, b.patient_no, b.measure, b.value, count(*) as n_values,
  from boosters as b
  inner join intermediate.int_patient_kind as k
    on b.patient_no = k.patient_no
  inner join intermediate.int_main_kind as g
    on k.patient_kind_no = g.patient_kind_no
  where b.value is not null
  group by g.main_kind_no, b.patient_no, b.measure, b.value
),

patients as (
  select m.main_kind_no, m.measure, count(distinct m.patient_no) as n_patients,
  from measured as m
  group by m.main_kind_no, m.measure
),

strata_of_patients as (
  @expand_main_strata(patients, [measure], [n_patients])
),

values_of_kinds as (
  select m.main_kind_no, m.measure, m.value, sum(m.n_values) as n_values,
  from measured as m
  group by m.main_kind_no, m.measure, m.value
),

histogram as (
  @expand_main_strata(values_of_kinds, [measure, value], [n_values])
),

quartiles as (
  @quartiles(histogram, [indication, measure, dimension, level])
)

select
  q.indication::varchar as indication,
  q.measure::varchar as measure,
  q.dimension::varchar as dimension,
  q.level::varchar as level,
  p.n_patients::bigint as n_patients,
  q.n_values as n_sessions,
  q.lower_quartile,
  q.median,
  q.upper_quartile,
  false as is_suppressed,
  null::varchar as suppression_reason,
from quartiles as q
inner join strata_of_patients as p
  on q.indication = p.indication
  and q.measure = p.measure
  and q.dimension = p.dimension
  and q.level = p.level
