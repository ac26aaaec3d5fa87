MODEL (
  name intermediate.int_ae_group,
  kind FULL,
  description 'Kinds of sessions that are alike in what a patient seldom changes: route, diagnosis, setting, premedication and what was asked for. Most patients have sessions of one group only, and are counted once for all of its cells.',
  column_descriptions (
    session_kind_no = 'A kind of session of the group.',
    group_no = 'Number of the group in this build.',
    cell_no = 'A cell that the whole group lies in.',
    overall_cell_no = 'Of these, the one of all sessions by the same ascertainment.'
  ),
  grain (session_kind_no, cell_no),
  audits (
    not_null(columns := (session_kind_no, group_no, cell_no, overall_cell_no)),
    unique_combination_of_columns(columns := (session_kind_no, cell_no))
  )
);

with cells as (
  select c.session_kind_no, c.ascertainment, c.dimension, c.cell_no,
  from intermediate.int_ae_cell as c
  where c.is_counted and c.dimension in ('overall', 'route', 'indication', 'setting', 'place', 'premedication')
),

combinations as (
  select
    c.session_kind_no,
    c.ascertainment,
    max(case when c.dimension = 'overall' then c.cell_no end) as overall_cell_no,
    max(case when c.dimension = 'route' then c.cell_no end) as route_cell_no,
    max(case when c.dimension = 'indication' then c.cell_no end) as indication_cell_no,
    max(case when c.dimension = 'setting' then c.cell_no end) as setting_cell_no,
    max(case when c.dimension = 'place' then c.cell_no end) as place_cell_no,
    max(case when c.dimension = 'premedication' then c.cell_no end) as premedication_cell_no,
  from cells as c
  group by c.session_kind_no, c.ascertainment
),

groups as (
  select
    c.session_kind_no,
    c.ascertainment,
    c.overall_cell_no,
    dense_rank() over (
      order by
        c.overall_cell_no,
        c.route_cell_no,
        c.indication_cell_no,
        c.setting_cell_no,
        c.place_cell_no,
        c.premedication_cell_no
    )::integer as group_no,
  from combinations as c
)

select g.session_kind_no, g.group_no, c.cell_no, g.overall_cell_no,
from groups as g
inner join cells as c
  on g.session_kind_no = c.session_kind_no and g.ascertainment = c.ascertainment
