MODEL (
  name intermediate.int_ae_varying_sum,
  kind FULL,
  description 'Sessions, and those with each adverse-event term, in the cells of what changes from session to session (hour, dose, number of the session), and the sums over patients behind the intervals.',
  column_descriptions (
    cell_no = 'The cell, by the number of int_ae_cell.',
    term_no = 'The term, by the number of int_ae_term; null in the row of all sessions.',
    n_patients = 'Patients with a session in the cell (with the term).',
    n_sessions = 'Their sessions in the cell (with the term).',
    sum_squares = 'Sum over patients of the square of n_sessions.',
    sum_products = 'Sum over patients of n_sessions times all their sessions in the cell.'
  ),
  grain (cell_no, term_no),
  audits (
    not_null(columns := (cell_no, n_patients, n_sessions)),
    unique_combination_of_columns(columns := (cell_no, term_no))
  )
);

with exposure as (
  select
    s.patient_no,
    coalesce(k.hour_cell_no, k.dose_cell_no, k.session_cell_no, k.first_six_cell_no) as cell_no,
    count(*)::integer as n_sessions,
  from intermediate.int_session as s
  inner join intermediate.int_ae_kind as k
    on s.session_kind_no = k.session_kind_no
  group by grouping sets (
    (s.patient_no, k.hour_cell_no),
    (s.patient_no, k.dose_cell_no),
    (s.patient_no, k.session_cell_no),
    (s.patient_no, k.first_six_cell_no)
  )
),

terms as (
  select
    o.patient_no,
    o.term_no,
    coalesce(k.hour_cell_no, k.dose_cell_no, k.session_cell_no, k.first_six_cell_no) as cell_no,
    count(*)::integer as n_sessions,
  from intermediate.int_ae_occurrence as o
  inner join intermediate.int_ae_kind as k
    on o.kind_no = k.session_kind_no
  group by grouping sets (
    (o.patient_no, o.term_no, k.hour_cell_no),
    (o.patient_no, o.term_no, k.dose_cell_no),
    (o.patient_no, o.term_no, k.session_cell_no),
    (o.patient_no, o.term_no, k.first_six_cell_no)
  )
)

select
  x.cell_no,
  null::integer as term_no,
  count(*)::bigint as n_patients,
  sum(x.n_sessions)::bigint as n_sessions,
  sum(x.n_sessions * x.n_sessions)::bigint as sum_squares,
  sum(x.n_sessions * x.n_sessions)::bigint as sum_products,
from exposure as x
where x.cell_no is not null
group by x.cell_no
union all
select
  t.cell_no,
  t.term_no,
  count(*)::bigint as n_patients,
  sum(t.n_sessions)::bigint as n_sessions,
  sum(t.n_sessions * t.n_sessions)::bigint as sum_squares,
  sum(t.n_sessions * x.n_sessions)::bigint as sum_products,
from terms as t
inner join exposure as x
  on t.patient_no = x.patient_no and t.cell_no = x.cell_no
group by t.cell_no, t.term_no
