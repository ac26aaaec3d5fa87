MODEL (
  name intermediate.int_induction_value,
  kind FULL,
  description 'Doses of the sessions of the first induction course, and its sessions, days and doses added up, as histograms by kind of patient.',
  column_descriptions (
    main_kind_no = 'The kind of patient, by the number of int_main_kind.',
    measure = 'dose_mg or dose_mg_per_kg of a session; sessions, days or cumulative_dose_mg of the course.',
    value = 'The value; mg/kg to three decimals.',
    n_values = 'Sessions, or courses, with the value.'
  ),
  grain (main_kind_no, measure, value),
  audits (
    not_null(columns := (main_kind_no, measure, value, n_values)),
    unique_combination_of_columns(columns := (main_kind_no, measure, value))
  )
);

-- Equal sessions of a kind of patient in one row before anything is multiplied.
with sessions as (
  select g.main_kind_no, s.dose_mg, s.dose_mg_per_kg::decimal(7, 3) as dose_mg_per_kg, count(*) as n_values,
  from intermediate.int_session as s
  inner join intermediate.int_cohort as c
    on s.patient_no = c.patient_no and s.course_id = c.course_id
  inner join intermediate.int_patient_kind as k
    on s.patient_no = k.patient_no
  inner join intermediate.int_main_kind as g
    on k.patient_kind_no = g.patient_kind_no
  where s.phase_derived = 'induction'
  group by g.main_kind_no, s.dose_mg, s.dose_mg_per_kg::decimal(7, 3)
),

counted_courses as (
  select g.main_kind_no, c.n_sessions, c.n_days, c.cumulative_dose_mg, count(*) as n_values,
  from intermediate.int_induction_course as c
  inner join intermediate.int_patient_kind as k
    on c.patient_no = k.patient_no
  inner join intermediate.int_main_kind as g
    on k.patient_kind_no = g.patient_kind_no
  group by g.main_kind_no, c.n_sessions, c.n_days, c.cumulative_dose_mg
),

measured as (
  select
    s.main_kind_no,
    m.measure,
    case m.measure when 'dose_mg' then s.dose_mg::double else s.dose_mg_per_kg::double end as value,
    s.n_values,
  from sessions as s
  cross join (values ('dose_mg'), ('dose_mg_per_kg')) as m(measure)
  union all
  select
    c.main_kind_no,
    m.measure,
    case m.measure
      when 'sessions' then c.n_sessions::double
      when 'days' then c.n_days::double
      else c.cumulative_dose_mg::double
    end as value,
    c.n_values,
  from counted_courses as c
  cross join (values ('sessions'), ('days'), ('cumulative_dose_mg')) as m(measure)
)

select
  m.main_kind_no,
  m.measure::varchar as measure,
  m.value,
  sum(m.n_values)::bigint as n_values,
from measured as m
where m.value is not null
group by m.main_kind_no, m.measure, m.value
