MODEL (
  name reference.strata,
  kind FULL,
  description 'The strata every mart is published for: all indications or each one, by dimension.',
  column_descriptions (
    has_indication = 'Whether the stratum is within one indication; otherwise indication is all.',
    dimension = 'What the levels of the stratum are: overall, clinic, route or indication.'
  ),
  grain (has_indication, dimension),
  audits (unique_combination_of_columns(columns := (has_indication, dimension)))
);

select
  s.has_indication::boolean as has_indication,
  s.dimension::varchar as dimension,
from (values
  (false, 'overall'),
  (false, 'clinic'),
  (false, 'route'),
  (false, 'indication'),
  (true, 'overall'),
  (true, 'clinic'),
  (true, 'route')
) as s(has_indication, dimension)
