MODEL (
  name intermediate.int_instrument,
  kind FULL,
  description 'The outcome instruments by number: relations with a row per assessment or window name them by it, since text is slow to write.',
  column_descriptions (
    instrument_no = 'Number of the instrument in this build.',
    instrument = 'The outcome instrument.'
  ),
  grain (instrument_no),
  audits (
    not_null(columns := (instrument_no, instrument)),
    unique_values(columns := (instrument))
  )
);

select
  row_number() over (order by i.instrument)::integer as instrument_no,
  i.instrument,
from reference.instruments as i
