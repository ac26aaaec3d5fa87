MODEL (
  name intermediate.int_durability_reading,
  kind FULL,
  description 'Every instrument under every reading of retreatment, numbered: what each stratum has a life table of.',
  column_descriptions (
    reading_no = 'Number of the instrument and reading.',
    instrument = 'The outcome instrument.',
    estimand = 'What retreatment means: censor_at_retreatment, composite (it counts as loss) or competing.'
  ),
  grain (reading_no),
  audits (
    not_null(columns := (reading_no, instrument, estimand)),
    unique_values(columns := (reading_no)),
    unique_combination_of_columns(columns := (instrument, estimand))
  )
);

select
  row_number() over (order by i.instrument, r.estimand)::integer as reading_no,
  i.instrument,
  r.estimand::varchar as estimand,
from reference.instruments as i
cross join (values ('censor_at_retreatment'), ('composite'), ('competing')) as r(estimand)
