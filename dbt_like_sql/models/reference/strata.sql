MODEL (
  name reference.strata,
  kind FULL,
  description 'The strata every mart is published for: all indications or each one, by dimension.',
  column_descriptions (
    has_indication = 'Whether the stratum is within one indication; otherwise indication is all.',
    dimension = 'What the levels of the stratum are; overall has the one level all.',
    is_of_patients = 'Whether patients are counted by it (response, durability).',
    is_of_sessions = 'Whether sessions are counted by it (adverse events).'
  ),
  grain (has_indication, dimension),
  audits (unique_combination_of_columns(columns := (has_indication, dimension)))
);

select
  s.has_indication::boolean as has_indication,
  s.dimension::varchar as dimension,
  s.is_of_patients::boolean as is_of_patients,
  s.is_of_sessions::boolean as is_of_sessions,
from (values
  (false, 'overall', true, true),
  (false, 'clinic', true, true),
  (false, 'route', true, true),
  (false, 'indication', true, true),
  (false, 'setting', true, true),
  (false, 'place', true, true),
  (false, 'hour', true, true),
  (false, 'dose', true, true),
  (false, 'session', false, true),
  (false, 'premedication', false, true),
  (false, 'cumulative_dose', true, false),
  (false, 'cumulative_dose_band', true, false),
  (false, 'age_group', true, false),
  (false, 'dose_and_age', true, false),
  (false, 'psychotherapy', true, false),
  (false, 'rehabilitation', true, false),
  (true, 'overall', true, false),
  (true, 'clinic', true, false),
  (true, 'route', true, false),
  (true, 'place', true, false),
  (true, 'dose', true, false),
  (true, 'cumulative_dose', true, false),
  (true, 'cumulative_dose_band', true, false),
  (true, 'age_group', true, false),
  (true, 'psychotherapy', true, false),
  (true, 'rehabilitation', true, false)
) as s(has_indication, dimension, is_of_patients, is_of_sessions)
