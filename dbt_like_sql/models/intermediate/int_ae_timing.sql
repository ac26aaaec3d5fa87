MODEL (
  name intermediate.int_ae_timing,
  kind FULL,
  description 'Life tables of minutes to onset and of duration of adverse events noted at sessions with a complete form. An event still going on is censored at discharge.',
  column_descriptions (
    dimension = 'overall or route.',
    level = 'all, or the route of the session.',
    ae_term = 'Term of the adverse event.',
    measure = 'onset (minutes from the start of the dose) or duration (minutes from onset to end).',
    minutes = 'The time; null where it is not known.',
    n_ended = 'Events that began, or ended, after so many minutes.',
    n_ongoing = 'Events still going on when last seen after so many minutes.'
  ),
  grain (dimension, level, ae_term, measure, minutes),
  audits (
    not_null(columns := (dimension, level, ae_term, measure, n_ended, n_ongoing)),
    unique_combination_of_columns(columns := (dimension, level, ae_term, measure, minutes)),
    forall(criteria := (minutes >= 0, measure = 'duration' or n_ongoing = 0))
  )
);

with events as (
  select
    s.route_code,
    e.ae_term,
    e.onset_min,
    coalesce(e.ongoing, false) as is_ongoing,
    -- Last seen at discharge; an event that began later was seen for no time.
    case
      when not coalesce(e.ongoing, false) then e.end_min - e.onset_min
      when e.onset_min <= s.discharge_min then s.discharge_min - e.onset_min
      when e.onset_min > s.discharge_min then 0
    end as duration_min,
  from staging.stg_adverse_event as e
  inner join intermediate.int_session as s
    on e.clinic_id = s.clinic_id and e.session_id = s.session_id
  where s.ae_form_status = 'complete'
),

onsets as (
  select e.route_code, e.ae_term, 'onset' as measure, e.onset_min as minutes, count(*) as n_ended, 0 as n_ongoing,
  from events as e
  group by e.route_code, e.ae_term, e.onset_min
),

durations as (
  select
    e.route_code,
    e.ae_term,
    'duration' as measure,
    e.duration_min as minutes,
    sum(case when e.is_ongoing then 0 else 1 end) as n_ended,
    sum(case when e.is_ongoing then 1 else 0 end) as n_ongoing,
  from events as e
  group by e.route_code, e.ae_term, e.duration_min
),

by_route as (
  select o.route_code, o.ae_term, o.measure, o.minutes, o.n_ended, o.n_ongoing,
  from onsets as o
  union all
  select d.route_code, d.ae_term, d.measure, d.minutes, d.n_ended, d.n_ongoing,
  from durations as d
)

select
  'route' as dimension,
  r.route_code as level,
  r.ae_term,
  r.measure,
  r.minutes,
  r.n_ended::bigint as n_ended,
  r.n_ongoing::bigint as n_ongoing,
from by_route as r
union all
select
  'overall' as dimension,
  'all' as level,
  r.ae_term,
  r.measure,
  r.minutes,
  sum(r.n_ended)::bigint as n_ended,
  sum(r.n_ongoing)::bigint as n_ongoing,
from by_route as r
group by r.ae_term, r.measure, r.minutes
