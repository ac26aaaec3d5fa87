MODEL (
  name staging.withdrawn_patient,
  kind FULL,
  description 'Patients whose latest consent state is a withdrawal with deletion. Nothing else of them is kept.',
  column_descriptions (
    clinic_id = 'The clinic.',
    patient_id = 'The random id of the patient.'
  ),
  grain (clinic_id, patient_id),
  audits (
    not_null(columns := (clinic_id, patient_id)),
    unique_combination_of_columns(columns := (clinic_id, patient_id))
  )
);

-- Refused events count too: a withdrawal is honoured even when the patient's own row has not been accepted.
with state as (
  @consent_state(staging.cur_consent_event)
)

select s.clinic_id, s.patient_id,
from state as s
where s.event = 'withdrawn_delete'
