MODEL (
  name reference.definitions,
  kind FULL,
  description 'Which definitions of an outcome each instrument has: one without such a threshold has no rates of it, rather than rates of 0.',
  column_descriptions (
    instrument = 'The outcome instrument.',
    definition = 'response, substantial, remission, remission_strict or deterioration.',
    is_good = 'Whether meeting it is what the patient hopes for.'
  ),
  grain (instrument, definition),
  audits (
    not_null(columns := (instrument, definition, is_good)),
    unique_combination_of_columns(columns := (instrument, definition))
  )
);

select
  i.instrument,
  d.definition::varchar as definition,
  d.is_good::boolean as is_good,
from reference.instruments as i
cross join (values
  ('response', true),
  ('substantial', true),
  ('remission', true),
  ('remission_strict', true),
  ('deterioration', false)
) as d(definition, is_good)
where case d.definition
  when 'response' then i.response_threshold is not null
  when 'substantial' then i.substantial_threshold is not null
  when 'remission' then i.remission_score is not null
  when 'remission_strict' then i.remission_strict_score is not null
  when 'deterioration' then i.deterioration_points is not null
end
