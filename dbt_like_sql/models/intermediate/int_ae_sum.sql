MODEL (
  name intermediate.int_ae_sum,
  kind FULL,
  description 'Patients and sessions with each adverse-event term by clinic, cell and severity, and the sums over patients behind the intervals.',
  column_descriptions (
    clinic_id = 'The clinic.',
    cell_no = 'The cell, by the number of int_ae_cell.',
    term_no = 'The term, by the number of int_ae_term.',
    max_grade = 'Highest grade of the patients counted in the row, 0 for none noted.',
    marks = 'What holds of at least one of their events, as bits (reference.ae_measures).',
    n_patients_with = 'Patients with the term.',
    n_sessions_with = 'Their sessions with it.',
    n_events = 'Their events of the term.',
    days_after_event = 'Days of the time at risk that come after the first event.',
    sum_yy = 'Sum over patients of the square of their sessions with the term.',
    sum_ym = 'Sum of their sessions with the term times all their sessions.',
    sum_ee = 'Sum of the square of their events.',
    sum_et = 'Sum of their events times their days at risk.'
  ),
  grain (clinic_id, cell_no, term_no, max_grade, marks),
  audits (
    not_null(columns := (clinic_id, cell_no, term_no, max_grade, marks, n_patients_with, n_sessions_with)),
    unique_combination_of_columns(columns := (clinic_id, cell_no, term_no, max_grade, marks))
  )
);

with clinics as (
  select p.patient_no, p.clinic_id, dense_rank() over (order by p.clinic_id)::integer as clinic_no,
  from intermediate.int_consented_patient as p
),

sums as (
  select
    c.clinic_no,
    t.group_no,
    t.cell_no,
    t.term_no,
    t.max_grade,
    t.marks,
    count(*) as n_patients_with,
    sum(t.n_sessions_with) as n_sessions_with,
    sum(t.n_events) as n_events,
    -- An onset outside the time at risk counts on its first or last day, so that events and patients agree.
    sum(x.risk_end_day - greatest(x.risk_start_day, least(x.risk_end_day, t.first_onset_day))) as days_after_event,
    sum(t.n_sessions_with * t.n_sessions_with) as sum_yy,
    sum(t.n_sessions_with * x.n_sessions) as sum_ym,
    sum(t.n_events * t.n_events) as sum_ee,
    sum(t.n_events * (x.risk_end_day - x.risk_start_day)) as sum_et,
  from intermediate.int_ae_patient_term as t
  inner join intermediate.int_ae_exposure as x
    on t.patient_no = x.patient_no and t.cell_no = x.cell_no
  inner join clinics as c
    on t.patient_no = c.patient_no
  group by c.clinic_no, t.group_no, t.cell_no, t.term_no, t.max_grade, t.marks
),

group_cells as (
  select distinct g.group_no, g.cell_no,
  from intermediate.int_ae_group as g
),

names as (
  select distinct c.clinic_no, c.clinic_id,
  from clinics as c
)

select
  n.clinic_id,
  coalesce(g.cell_no, s.cell_no) as cell_no,
  s.term_no,
  s.max_grade,
  s.marks,
  sum(s.n_patients_with)::bigint as n_patients_with,
  sum(s.n_sessions_with)::bigint as n_sessions_with,
  sum(s.n_events)::bigint as n_events,
  sum(s.days_after_event)::bigint as days_after_event,
  sum(s.sum_yy)::bigint as sum_yy,
  sum(s.sum_ym)::bigint as sum_ym,
  sum(s.sum_ee)::bigint as sum_ee,
  sum(s.sum_et)::bigint as sum_et,
from sums as s
inner join names as n
  on s.clinic_no = n.clinic_no
left join group_cells as g
  on s.group_no = g.group_no
group by n.clinic_id, coalesce(g.cell_no, s.cell_no), s.term_no, s.max_grade, s.marks
