MODEL (
  name intermediate.int_ae_ascertainment,
  kind FULL,
  description 'Which sessions each way of ascertaining adverse events counts, by the status of the adverse-event form.',
  column_descriptions (
    ascertainment = 'complete: asked for with a complete form (primary). all: every session, nothing noted counts as no event. spontaneous: noted only when the patient spoke of it.',
    ae_form_status = 'Status of the adverse-event form of a session that counts.'
  ),
  grain (ascertainment, ae_form_status),
  audits (unique_combination_of_columns(columns := (ascertainment, ae_form_status)))
);

select
  a.ascertainment::varchar as ascertainment,
  a.ae_form_status::varchar as ae_form_status,
from (values
  ('complete', 'complete'),
  ('all', 'complete'),
  ('all', 'spontaneous_only'),
  ('all', 'not_done'),
  ('spontaneous', 'spontaneous_only')
) as a(ascertainment, ae_form_status)
