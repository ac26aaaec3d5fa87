MODEL (
  name quality.superseded_deliveries,
  kind FULL,
  description 'Every delivery of a snapshot source that a later snapshot replaced: none of its records counts.',
  column_descriptions (
    clinic_id = 'The clinic that sent it.',
    delivery_id = 'The delivery that was replaced.',
    file_name = 'Path of the file below the landing folder of the clinic.',
    superseded_by = 'The delivery that counts in its place.'
  ),
  grain (clinic_id, delivery_id),
  audits (
    not_null(columns := (clinic_id, delivery_id, superseded_by)),
    unique_combination_of_columns(columns := (clinic_id, delivery_id))
  )
);

select
  d.clinic_id::varchar as clinic_id,
  d.delivery_id::varchar as delivery_id,
  d.file_name::varchar as file_name,
  d.superseded_by::varchar as superseded_by,
from lake.delivery as d
where d.superseded_by is not null
