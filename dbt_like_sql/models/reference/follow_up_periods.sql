MODEL (
  name reference.follow_up_periods,
  kind FULL,
  description 'The periods since the first session in which signals that come late are looked for. Days are inclusive.',
  column_descriptions (
    period_no = 'Order for display.',
    period = 'Name of the period.',
    start_day = 'First study day.',
    end_day = 'Last study day.'
  ),
  grain (period_no),
  audits (unique_values(columns := (period_no, period)), not_null(columns := (period_no, period, start_day, end_day)))
);

select
  p.period_no::integer as period_no,
  p.period::varchar as period,
  p.start_day::integer as start_day,
  p.end_day::integer as end_day,
from (values
  (1, 'day_0_to_90', 0, 90),
  (2, 'day_91_to_180', 91, 180),
  (3, 'day_181_to_365', 181, 365),
  -- The last study day that a contract allows.
  (4, 'after_day_365', 366, 20000)
) as p(period_no, period, start_day, end_day)
