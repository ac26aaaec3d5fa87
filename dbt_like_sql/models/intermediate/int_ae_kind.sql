MODEL (
  name intermediate.int_ae_kind,
  kind FULL,
  description 'The cells of each kind of session side by side, so that sessions are summed by one grouping set per dimension.',
  column_descriptions (
    session_kind_no = 'The kind of session, by the number of int_session.',
    asked_group_no = 'Group (int_ae_group) by how events were asked for: complete or spontaneous; null where nobody asked.',
    all_group_no = 'Group among all sessions, whatever was asked.',
    hour_cell_no = 'Cell of its time of day; null, as all below, without a complete form.',
    dose_cell_no = 'Cell of its dose by body weight.',
    session_cell_no = 'Cell of first, second_to_sixth or later.',
    first_six_cell_no = 'Cell of the first six sessions; null for later ones.'
  ),
  grain (session_kind_no),
  audits (
    not_null(columns := (session_kind_no)),
    unique_combination_of_columns(columns := (session_kind_no))
  )
);

with groups as (
  select distinct
    c.session_kind_no,
    g.group_no,
    c.ascertainment,
  from intermediate.int_ae_group as g
  inner join intermediate.int_ae_cell as c
    on g.session_kind_no = c.session_kind_no and g.cell_no = c.cell_no
),

grouped as (
  select
    g.session_kind_no,
    max(case when g.ascertainment <> 'all' then g.group_no end) as asked_group_no,
    max(case when g.ascertainment = 'all' then g.group_no end) as all_group_no,
  from groups as g
  group by g.session_kind_no
),

cells as (
  select
    c.session_kind_no,
    max(case when c.dimension = 'hour' then c.cell_no end) as hour_cell_no,
    max(case when c.dimension = 'dose' then c.cell_no end) as dose_cell_no,
    max(case when c.dimension = 'session' and c.level <> 'first_six' then c.cell_no end) as session_cell_no,
    max(case when c.dimension = 'session' and c.level = 'first_six' then c.cell_no end) as first_six_cell_no,
  from intermediate.int_ae_cell as c
  where c.is_counted
  group by c.session_kind_no
)

select
  g.session_kind_no,
  g.asked_group_no,
  g.all_group_no,
  c.hour_cell_no,
  c.dose_cell_no,
  c.session_cell_no,
  c.first_six_cell_no,
from grouped as g
inner join cells as c
  on g.session_kind_no = c.session_kind_no
