MODEL (
  name intermediate.int_ae_cell,
  kind FULL,
  description 'The cells in which adverse events are counted: every route, every diagnosis and all sessions together, each by what was asked for. A session lies in several.',
  column_descriptions (
    session_kind_no = 'A kind of session that lies in the cell.',
    cell_no = 'Number of the cell in this build.',
    dimension = 'overall, route or indication.',
    level = 'all, the route or the diagnosis.',
    ascertainment = 'Which sessions count: complete, all or spontaneous.'
  ),
  grain (session_kind_no, cell_no),
  audits (
    not_null(columns := (session_kind_no, cell_no, dimension, level, ascertainment)),
    unique_combination_of_columns(columns := (session_kind_no, cell_no))
  )
);

with kinds as (
  select distinct s.session_kind_no, s.route_code, s.indication_code, s.ae_form_status,
  from intermediate.int_session as s
),

members as (
  select
    k.session_kind_no,
    d.dimension,
    case d.dimension when 'route' then k.route_code when 'indication' then k.indication_code else 'all' end as level,
    a.ascertainment,
  from kinds as k
  inner join intermediate.int_ae_ascertainment as a
    on k.ae_form_status = a.ae_form_status
  inner join reference.strata as d
    on d.is_of_sessions and d.dimension <> 'clinic'
)

select
  m.session_kind_no,
  dense_rank() over (order by m.dimension, m.level, m.ascertainment)::integer as cell_no,
  m.dimension::varchar as dimension,
  m.level::varchar as level,
  m.ascertainment,
from members as m
