MODEL (
  name reference.dose_levels,
  kind FULL,
  description 'The levels of dose in their order, from the lowest.',
  column_descriptions (
    dimension = 'dose (mg/kg of the first session) or cumulative_dose_band (mg of an intravenous induction).',
    level = 'The level.',
    position = 'Its place in the order, 1 is the lowest; the score that a trend is sought over.'
  ),
  grain (dimension, level),
  audits (
    not_null(columns := (dimension, level, position)),
    unique_combination_of_columns(columns := (dimension, level)),
    unique_combination_of_columns(columns := (dimension, position))
  )
);

select
  d.dimension::varchar as dimension,
  d.level::varchar as level,
  d.position::integer as position,
from (values
  ('dose', 'under_0_3', 1),
  ('dose', '0_3_to_0_6', 2),
  ('dose', '0_6_to_1', 3),
  ('dose', '1_and_over', 4),
  ('cumulative_dose_band', 'under_200_mg', 1),
  ('cumulative_dose_band', '200_to_400_mg', 2),
  ('cumulative_dose_band', '400_to_600_mg', 3),
  ('cumulative_dose_band', '600_mg_and_over', 4)
) as d(dimension, level, position)
