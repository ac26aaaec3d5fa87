MODEL (
  name intermediate.int_ae_recurrence,
  kind FULL,
  description 'Sessions with an adverse event day by day (each term overall; routes and diagnoses by any event), and the sums from which the mean cumulative function and its variance follow. With Y patients at risk on its day an event weighs 1/Y.',
  column_descriptions (
    dimension = 'overall, route or indication.',
    level = 'all, the route or the diagnosis.',
    ae_term = 'Term of the adverse event, or any.',
    day = 'A day counted from the first session in the stratum.',
    n_events = 'Sessions with the event on the day. An onset outside the time at risk counts on its first or last day.',
    n_first_events = 'Of these, the first of their patient.',
    squared_weights = 'By how much the day raises the sum over patients of the squared weights of all their events so far.',
    ending_weights = 'Weights of all events of the patients whose last day at risk it is.'
  ),
  grain (dimension, level, ae_term, day),
  audits (
    not_null(columns := (dimension, level, ae_term, day, n_events, squared_weights, ending_weights)),
    unique_combination_of_columns(columns := (dimension, level, ae_term, day)),
    forall(criteria := (day >= 0, n_first_events <= n_events, squared_weights >= 0))
  )
);

with strata as (
  select distinct f.cell_no, f.dimension, f.level,
  from intermediate.int_ae_follow_up as f
),

events as (
  select
    e.patient_no,
    e.term_no,
    x.cell_no,
    x.risk_end_day - x.risk_start_day as last_day,
    greatest(x.risk_start_day, least(x.risk_end_day, e.first_onset_day)) - x.risk_start_day as day,
  from intermediate.int_ae_occurrence as e
  inner join intermediate.int_ae_cell as c
    on e.kind_no = c.session_kind_no
  inner join strata as s
    on c.cell_no = s.cell_no
  inner join intermediate.int_ae_exposure as x
    on e.patient_no = x.patient_no and c.cell_no = x.cell_no
  -- Routes and diagnoses by any event only: every term in each of them would be most of the work of the night.
  where e.kind_no > 0 and (s.dimension = 'overall' or e.term_no = 0)
),

days as (
  select f.cell_no, f.day, f.n_ending,
  from intermediate.int_ae_follow_up as f
  union all
  select distinct e.cell_no, e.day, 0 as n_ending,
  from events as e
),

days_once as (
  select d.cell_no, d.day, sum(d.n_ending) as n_ending,
  from days as d
  group by d.cell_no, d.day
),

at_risk as (
  select
    d.cell_no,
    d.day,
    sum(d.n_ending) over (
      partition by d.cell_no order by d.day desc rows between unbounded preceding and current row
    ) as n_at_risk,
  from days_once as d
),

weighted as (
  select e.patient_no, e.cell_no, e.term_no, e.day, e.last_day, 1e0 / r.n_at_risk as weight,
  from events as e
  inner join at_risk as r
    on e.cell_no = r.cell_no and e.day = r.day
),

running as (
  select
    w.cell_no,
    w.term_no,
    w.day,
    w.last_day,
    w.weight,
    sum(w.weight) over (
      partition by w.patient_no, w.cell_no, w.term_no order by w.day rows between unbounded preceding and current row
    ) as weight_so_far,
    row_number() over (partition by w.patient_no, w.cell_no, w.term_no order by w.day) as number,
  from weighted as w
),

by_event as (
  select
    r.cell_no,
    r.term_no,
    r.day,
    count(*) as n_events,
    sum(case when r.number = 1 then 1 else 0 end) as n_first_events,
    -- What the square of a sum grows by when the last part is added to it. A sum of decimals is the same in any order,
    -- so that the same rows give the same bytes.
    sum((r.weight * (2 * r.weight_so_far - r.weight))::decimal(38, 24)) as squared_weights,
    0::decimal(38, 24) as ending_weights,
  from running as r
  group by r.cell_no, r.term_no, r.day
),

by_end as (
  select
    w.cell_no,
    w.term_no,
    w.last_day as day,
    0 as n_events,
    0 as n_first_events,
    0::decimal(38, 24) as squared_weights,
    sum(w.weight::decimal(38, 24)) as ending_weights,
  from weighted as w
  group by w.cell_no, w.term_no, w.last_day
),

sums as (
  select b.cell_no, b.term_no, b.day, b.n_events, b.n_first_events, b.squared_weights, b.ending_weights,
  from by_event as b
  union all
  select b.cell_no, b.term_no, b.day, b.n_events, b.n_first_events, b.squared_weights, b.ending_weights,
  from by_end as b
)

select
  s.dimension,
  s.level,
  t.ae_term,
  d.day,
  sum(d.n_events)::bigint as n_events,
  sum(d.n_first_events)::bigint as n_first_events,
  sum(d.squared_weights)::double as squared_weights,
  sum(d.ending_weights)::double as ending_weights,
from sums as d
inner join strata as s
  on d.cell_no = s.cell_no
inner join intermediate.int_ae_term as t
  on d.term_no = t.term_no
group by s.dimension, s.level, t.ae_term, d.day
