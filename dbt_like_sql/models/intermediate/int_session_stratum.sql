MODEL (
  name intermediate.int_session_stratum,
  kind FULL,
  description 'The strata that each kind of session lies in, whatever was asked or measured. The clinic is no trait of a kind and is left to those who count by it.',
  column_descriptions (
    session_kind_no = 'The kind of session, by the number of int_session.',
    stratum_no = 'Number of the stratum in this build.',
    dimension = 'What level is a level of.',
    level = 'The level; all when dimension is overall.'
  ),
  grain (session_kind_no, dimension),
  audits (
    not_null(columns := (session_kind_no, stratum_no, dimension, level)),
    unique_combination_of_columns(columns := (session_kind_no, dimension))
  )
);

with kinds as (
  select distinct
    s.session_kind_no,
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

strata as (
  select
    k.session_kind_no,
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
)

select
  s.session_kind_no,
  dense_rank() over (order by s.dimension, s.level)::integer as stratum_no,
  s.dimension,
  s.level,
from strata as s
