MODEL (
  name intermediate.int_ae_follow_up,
  kind FULL,
  description 'How long patients are followed for adverse events that come again, of whom some session was asked about completely.',
  column_descriptions (
    cell_no = 'The cell, by the number of int_ae_cell: all sessions, a route or a diagnosis, complete forms only.',
    dimension = 'overall, route or indication.',
    level = 'all, the route or the diagnosis.',
    day = 'A day counted from the first session in the cell.',
    n_ending = 'Patients whose last day at risk it is.'
  ),
  grain (cell_no, day),
  audits (
    not_null(columns := (cell_no, dimension, level, day, n_ending)),
    unique_combination_of_columns(columns := (cell_no, day)),
    forall(criteria := (day >= 0, n_ending > 0))
  )
);

with cells as (
  select distinct c.cell_no, c.dimension, c.level,
  from intermediate.int_ae_cell as c
  where c.ascertainment = 'complete' and c.is_timed
)

select
  c.cell_no,
  c.dimension,
  c.level,
  x.risk_end_day - x.risk_start_day as day,
  count(*) as n_ending,
from intermediate.int_ae_exposure as x
inner join cells as c
  on x.cell_no = c.cell_no
group by c.cell_no, c.dimension, c.level, x.risk_end_day - x.risk_start_day
