MODEL (
  name intermediate.int_ae_contact_cell,
  kind FULL,
  description 'The cells in which adverse events of follow-up contacts are counted, as int_ae_cell has those of sessions: by what was asked for at the contact, and by the session before it.',
  column_descriptions (
    contact_kind_no = 'A kind of contact (int_ae_contact) that lies in the cell.',
    cell_no = 'Number of the cell in this build; no cell of int_ae_cell.',
    dimension = 'overall, route or indication.',
    level = 'all, or the route or diagnosis of the last session before the contact.',
    ascertainment = 'Which contacts count: complete, all or spontaneous.'
  ),
  grain (contact_kind_no, cell_no),
  audits (
    not_null(columns := (contact_kind_no, cell_no, dimension, level, ascertainment)),
    unique_combination_of_columns(columns := (contact_kind_no, cell_no))
  )
);

with kinds as (
  select distinct k.contact_kind_no, k.session_kind_no, k.ae_form_status,
  from intermediate.int_ae_contact as k
)

select
  k.contact_kind_no,
  dense_rank() over (order by c.cell_no, a.ascertainment)::integer as cell_no,
  c.dimension,
  c.level,
  a.ascertainment,
from kinds as k
inner join intermediate.int_ae_cell as c
  on k.session_kind_no = c.session_kind_no
inner join intermediate.int_ae_ascertainment as a
  on k.ae_form_status = a.ae_form_status
-- Every session is in the cells of all forms, so these are the levels of its kind.
where c.is_timed and c.ascertainment = 'all'
