MODEL (
  name intermediate.int_ae_cell,
  kind FULL,
  description 'The cells in which adverse events of sessions are counted: each level of each dimension, by what was asked for. A session lies in several.',
  column_descriptions (
    session_kind_no = 'A kind of session that lies in the cell.',
    cell_no = 'Number of the cell in this build.',
    dimension = 'overall, route, indication, setting, place, hour, dose, session or premedication.',
    level = 'all, or the level of the dimension. Of sessions: first, second_to_sixth, later, and first_six, the first two together.',
    ascertainment = 'Which sessions count: complete, all or spontaneous.',
    is_timed = 'Whether time at risk is counted in the cell: overall, by route and by diagnosis. Between two sessions at different hours time belongs to neither.',
    is_counted = 'Whether events are counted in the cell. Where no time is, only those by complete forms are; of the others only the sessions are counted.'
  ),
  grain (session_kind_no, cell_no),
  audits (
    not_null(columns := (session_kind_no, cell_no, dimension, level, ascertainment)),
    unique_combination_of_columns(columns := (session_kind_no, cell_no))
  )
);

with kinds as (
  select distinct
    s.session_kind_no,
    s.ae_form_status,
    s.route_code,
    s.indication_code,
    s.setting_code,
    s.place_code,
    s.hour_band,
    s.dose_band,
    s.session_band,
    s.premedication,
  from intermediate.int_session as s
),

levels as (
  select
    k.session_kind_no,
    k.ae_form_status,
    d.dimension,
    case d.dimension
      when 'overall' then 'all'
      when 'route' then k.route_code
      when 'indication' then k.indication_code
      when 'setting' then k.setting_code
      when 'place' then k.place_code
      when 'hour' then k.hour_band
      when 'dose' then k.dose_band
      when 'session' then k.session_band
      when 'premedication' then k.premedication
    end as level,
  from kinds as k
  inner join reference.strata as d
    on d.is_of_sessions and d.dimension <> 'clinic'
  union all
  -- Up to the sixth session: how many patients have had the event by then.
  select k.session_kind_no, k.ae_form_status, 'session' as dimension, 'first_six' as level,
  from kinds as k
  inner join reference.strata as d
    on d.is_of_sessions and d.dimension = 'session'
  where k.session_band in ('first', 'second_to_sixth')
),

members as (
  select
    l.session_kind_no,
    l.dimension,
    l.level,
    a.ascertainment,
    l.dimension in ('overall', 'route', 'indication') as is_timed,
  from levels as l
  inner join intermediate.int_ae_ascertainment as a
    on l.ae_form_status = a.ae_form_status
)

select
  m.session_kind_no,
  dense_rank() over (order by m.dimension, m.level, m.ascertainment)::integer as cell_no,
  m.dimension::varchar as dimension,
  m.level::varchar as level,
  m.ascertainment,
  m.is_timed,
  m.is_timed or m.ascertainment = 'complete' as is_counted,
from members as m
