MODEL (
  name reference.time_windows,
  kind FULL,
  description 'The windows in which outcomes are read. Days are inclusive and count from the anchor.',
  column_descriptions (
    time_window = 'Name of the window.',
    anchor = 'The day that days count from: course_start, or last_induction (the last induction session).',
    start_day = 'First day of the window.',
    target_day = 'The assessment nearest to this day is taken; of two equally near ones, the later.',
    end_day = 'Last day of the window; a patient counts when data could have been recorded up to it.',
    position = 'Order for display.'
  ),
  grain (time_window),
  audits (unique_values(columns := (time_window)), not_null(columns := (time_window, anchor, start_day, end_day)))
);

select
  w.time_window::varchar as time_window,
  w.anchor::varchar as anchor,
  w.start_day::integer as start_day,
  w.target_day::integer as target_day,
  w.end_day::integer as end_day,
  w.position::integer as position,
from (values
  -- The first day, at 24 hours, is where trials of single doses read the acute effect.
  ('acute', 'course_start', 1, 1, 3, 1),
  ('wk1', 'course_start', 4, 7, 10, 2),
  ('wk4', 'course_start', 21, 28, 35, 3),
  ('wk8', 'course_start', 49, 56, 63, 4),
  ('wk12', 'course_start', 77, 84, 98, 5),
  ('wk26', 'course_start', 161, 182, 203, 6),
  ('wk52', 'course_start', 330, 364, 400, 7),
  -- Nearest to day 1 of [1, 14] is the first assessment in it.
  ('end_of_induction', 'last_induction', 1, 1, 14, 8)
) as w(time_window, anchor, start_day, target_day, end_day, position)
