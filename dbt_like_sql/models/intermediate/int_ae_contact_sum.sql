MODEL (
  name intermediate.int_ae_contact_sum,
  kind FULL,
  description 'Follow-up contacts, and those with each adverse-event term, in every stratum, and the sums over patients behind the intervals.',
  column_descriptions (
    clinic_id = 'The clinic.',
    dimension = 'overall, route or indication, of the last session before the contact.',
    level = 'all, the route or the diagnosis.',
    ascertainment = 'Which contacts count: complete, all or spontaneous.',
    term_no = 'The term, by the number of int_ae_term; null in the row of all contacts.',
    max_grade = 'Highest grade of the patients counted in the row, 0 for none noted; null likewise.',
    marks = 'What holds of at least one of their events, as bits (reference.ae_measures); null likewise.',
    n_patients = 'Patients with a contact (with the term).',
    n_contacts = 'Their contacts (with the term).',
    n_events = 'Their events of the term.',
    sum_squares = 'Sum over patients of the square of n_contacts.',
    sum_products = 'Sum over patients of n_contacts times all their contacts.'
  ),
  grain (clinic_id, dimension, level, ascertainment, term_no, max_grade, marks),
  audits (
    not_null(columns := (clinic_id, dimension, level, ascertainment, n_patients, n_contacts)),
    unique_combination_of_columns(columns := (clinic_id, dimension, level, ascertainment, term_no, max_grade, marks))
  )
);

with cells as (
  select distinct m.cell_no, m.dimension, m.level, m.ascertainment,
  from intermediate.int_ae_contact_cell as m
),

exposure as (
  select k.patient_no, m.cell_no, count(*)::integer as n_contacts,
  from intermediate.int_ae_contact as k
  inner join intermediate.int_ae_contact_cell as m
    on k.contact_kind_no = m.contact_kind_no
  group by k.patient_no, m.cell_no
),

terms as (
  select
    o.patient_no,
    m.cell_no,
    o.term_no,
    count(*)::integer as n_contacts,
    sum(o.n_events)::integer as n_events,
    max(o.max_grade) as max_grade,
    bit_or(o.marks)::integer as marks,
  from intermediate.int_ae_occurrence as o
  inner join intermediate.int_ae_contact_cell as m
    on o.kind_no = m.contact_kind_no
  group by o.patient_no, m.cell_no, o.term_no
),

patients as (
  select
    x.patient_no,
    x.cell_no,
    null as term_no,
    null as max_grade,
    null as marks,
    x.n_contacts,
    null as n_events,
    x.n_contacts as n_contacts_all,
  from exposure as x
  union all
  select
    t.patient_no,
    t.cell_no,
    t.term_no,
    t.max_grade,
    t.marks,
    t.n_contacts,
    t.n_events,
    x.n_contacts as n_contacts_all,
  from terms as t
  inner join exposure as x
    on t.patient_no = x.patient_no and t.cell_no = x.cell_no
)

select
  k.clinic_id,
  c.dimension,
  c.level,
  c.ascertainment,
  p.term_no::integer as term_no,
  p.max_grade::smallint as max_grade,
  p.marks::integer as marks,
  count(*)::bigint as n_patients,
  sum(p.n_contacts)::bigint as n_contacts,
  sum(p.n_events)::bigint as n_events,
  sum(p.n_contacts * p.n_contacts)::bigint as sum_squares,
  sum(p.n_contacts * p.n_contacts_all)::bigint as sum_products,
from patients as p
inner join intermediate.int_consented_patient as k
  on p.patient_no = k.patient_no
inner join cells as c
  on p.cell_no = c.cell_no
group by k.clinic_id, c.dimension, c.level, c.ascertainment, p.term_no, p.max_grade, p.marks
