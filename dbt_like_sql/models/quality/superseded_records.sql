MODEL (
  name quality.superseded_records,
  kind FULL,
  description 'Every accepted record, in the deliveries that count, that a later record with its key took the place of, and every retraction. Records of a snapshot that a later snapshot replaced are in quality.superseded_deliveries.',
  column_descriptions (
    clinic_id = 'The clinic that sent the record.',
    table_name = 'The table of the record.',
    delivery_id = 'The delivery that the record came in.',
    line = 'The physical line of the record in its file, from 1.',
    how = 'corrected (a later record counts), retracted (taken back as entered in error), or retraction (the record that takes back).',
    superseded_by = 'The delivery with the latest record of the key; empty for a latest record that takes back.',
    superseded_by_line = 'The line of that record.'
  ),
  grain (clinic_id, table_name, delivery_id, line),
  audits (not_null(columns := (clinic_id, table_name, delivery_id, line, how)))
);

select
  r.clinic_id,
  r.table_name,
  r.delivery_id,
  r.line,
  r.how,
  r.superseded_by,
  r.superseded_by_line,
from staging.superseded_row as r
