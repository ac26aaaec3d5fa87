MODEL (
  name intermediate.int_maintenance_counts,
  kind FULL,
  description 'What is counted about maintenance, added up over kinds of patients: patients, events y and units m, and the sums that an interval over clusters needs.',
  column_descriptions (
    main_kind_no = 'The kind of patient, by the number of int_main_kind.',
    measure = 'any_by_28_days, any_by_84_days, any_by_182_days, boosters_per_patient_year or phase_as_reported.',
    n_patients = 'Patients in the denominator.',
    n_patients_with = 'Of these, patients with at least one event.',
    sum_y = 'Patients with a maintenance session by then, maintenance sessions, or sessions whose phase agrees.',
    sum_m = 'Patients whose data reach that far, also those who died before, years of follow-up, or sessions with a phase reported.',
    sum_yy = 'Sum over patients of y times y.',
    sum_ym = 'Sum over patients of y times m.',
    sum_mm = 'Sum over patients of m times m.'
  ),
  grain (main_kind_no, measure),
  audits (
    not_null(columns := (main_kind_no, measure, n_patients, n_patients_with, sum_y, sum_m)),
    unique_combination_of_columns(columns := (main_kind_no, measure))
  )
);

with started as (
  select
    p.patient_no,
    h.measure,
    case when p.first_day <= h.horizon then 1 else 0 end::double as y,
    1e0 as m,
  from intermediate.int_maintenance_patient as p
  inner join intermediate.int_cohort as c
    on p.patient_no = c.patient_no
  cross join (
    values ('any_by_28_days', 28), ('any_by_84_days', 84), ('any_by_182_days', 182)
  ) as h(measure, horizon)
  where c.data_cut_day >= c.last_induction_day + h.horizon
),

rates as (
  select
    p.patient_no,
    'boosters_per_patient_year' as measure,
    p.n_boosters::double as y,
    p.follow_up_days::double / 365.25e0 as m,
  from intermediate.int_maintenance_patient as p
  where p.follow_up_days > 0
),

phases as (
  select
    s.patient_no,
    'phase_as_reported' as measure,
    sum(case when s.is_phase_as_reported then 1 else 0 end)::double as y,
    count(*)::double as m,
  from intermediate.int_session as s
  where s.is_phase_as_reported is not null
  group by s.patient_no
),

patients as (
  select s.patient_no, s.measure, s.y, s.m,
  from started as s
  union all
  select r.patient_no, r.measure, r.y, r.m,
  from rates as r
  union all
  select p.patient_no, p.measure, p.y, p.m,
  from phases as p
)

select
  g.main_kind_no,
  p.measure::varchar as measure,
  count(*) as n_patients,
  sum(case when p.y > 0 then 1 else 0 end)::bigint as n_patients_with,
  -- A sum of decimals is the same in any order.
  sum(p.y::decimal(38, 12))::decimal(38, 12) as sum_y,
  sum(p.m::decimal(38, 12))::decimal(38, 12) as sum_m,
  sum((p.y * p.y)::decimal(38, 12))::decimal(38, 12) as sum_yy,
  sum((p.y * p.m)::decimal(38, 12))::decimal(38, 12) as sum_ym,
  sum((p.m * p.m)::decimal(38, 12))::decimal(38, 12) as sum_mm,
from patients as p
inner join intermediate.int_patient_kind as k
  on p.patient_no = k.patient_no
inner join intermediate.int_main_kind as g
  on k.patient_kind_no = g.patient_kind_no
group by g.main_kind_no, p.measure
