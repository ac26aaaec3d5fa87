MODEL (
  name intermediate.int_ae_severity_count,
  kind FULL,
  description 'Patients and occasions with each adverse-event term and measure of severity, among those with a complete form; without rows where nobody had it.',
  column_descriptions (
    noted_at = 'session or contact.',
    dimension = 'overall, route or indication.',
    level = 'all, the route or the diagnosis.',
    term_no = 'The term, by the number of int_ae_term.',
    measure = 'The measure of reference.ae_measures, session_stopped or course_ended.',
    n_patients_with = 'Patients of whom it holds, a patient being as bad as the worst of the occasions.',
    n_occasions_with = 'Sessions or contacts of which it holds.'
  ),
  grain (noted_at, dimension, level, term_no, measure),
  audits (
    not_null(columns := (noted_at, dimension, level, term_no, measure, n_patients_with, n_occasions_with)),
    unique_combination_of_columns(columns := (noted_at, dimension, level, term_no, measure))
  )
);

with session_cells as (
  select c.session_kind_no, c.cell_no, c.dimension, c.level,
  from intermediate.int_ae_cell as c
  where c.is_timed and c.ascertainment = 'complete'
),

contact_cells as (
  select c.contact_kind_no, c.dimension, c.level,
  from intermediate.int_ae_contact_cell as c
  where c.ascertainment = 'complete'
),

cells as (
  select distinct c.cell_no, c.dimension, c.level,
  from session_cells as c
),

occasions as (
  select o.kind_no, o.term_no, o.max_grade, o.marks, count(*) as n_occasions,
  from intermediate.int_ae_occurrence as o
  group by o.kind_no, o.term_no, o.max_grade, o.marks
),

found as (
  select
    'session' as noted_at,
    c.dimension,
    c.level,
    s.term_no,
    s.max_grade,
    s.marks,
    s.n_patients_with as n_patients,
    0 as n_occasions,
  from intermediate.int_ae_sum as s
  inner join cells as c
    on s.cell_no = c.cell_no
  union all
  select 'session' as noted_at, c.dimension, c.level, o.term_no, o.max_grade, o.marks, 0 as n_patients, o.n_occasions,
  from occasions as o
  inner join session_cells as c
    on o.kind_no = c.session_kind_no
  union all
  select
    'contact' as noted_at,
    s.dimension,
    s.level,
    s.term_no,
    s.max_grade,
    s.marks,
    s.n_patients,
    0 as n_occasions,
  from intermediate.int_ae_contact_sum as s
  where s.ascertainment = 'complete' and s.term_no is not null
  union all
  select 'contact' as noted_at, c.dimension, c.level, o.term_no, o.max_grade, o.marks, 0 as n_patients, o.n_occasions,
  from occasions as o
  inner join contact_cells as c
    on o.kind_no = c.contact_kind_no
),

-- The few combinations of grade and marks, before each is counted by several measures.
combinations as (
  select
    f.noted_at,
    f.dimension,
    f.level,
    f.term_no,
    f.max_grade,
    f.marks,
    sum(f.n_patients) as n_patients,
    sum(f.n_occasions) as n_occasions,
  from found as f
  group by f.noted_at, f.dimension, f.level, f.term_no, f.max_grade, f.marks
)

select
  f.noted_at::varchar as noted_at,
  f.dimension,
  f.level,
  f.term_no,
  m.measure,
  sum(f.n_patients)::bigint as n_patients_with,
  sum(f.n_occasions)::bigint as n_occasions_with,
from combinations as f
inner join reference.ae_measures as m
  on (f.marks & m.mark) > 0 or (f.max_grade >= m.lowest_grade and f.max_grade <= m.highest_grade)
group by f.noted_at, f.dimension, f.level, f.term_no, m.measure
union all
select
  'session'::varchar as noted_at,
  c.dimension,
  c.level,
  0 as term_no,
  s.measure,
  count(distinct s.patient_no)::bigint as n_patients_with,
  sum(s.n_sessions)::bigint as n_occasions_with,
from intermediate.int_ae_stop as s
inner join session_cells as c
  on s.session_kind_no = c.session_kind_no
group by c.dimension, c.level, s.measure
