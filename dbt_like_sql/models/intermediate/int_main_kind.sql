MODEL (
  name intermediate.int_main_kind,
  kind FULL,
  description 'Kinds of patients by indication, clinic and route alone: fewer than those of int_patient_kind, for what has many keys or values.',
  column_descriptions (
    patient_kind_no = 'The kind of patient, by the number of int_patient_kind.',
    main_kind_no = 'Number of its indication, clinic and route in this build.'
  ),
  grain (patient_kind_no),
  audits (
    not_null(columns := (patient_kind_no, main_kind_no)),
    unique_combination_of_columns(columns := (patient_kind_no))
  )
);

with kinds as (
  select distinct k.patient_kind_no, k.indication_code, k.clinic_id, k.route_code,
  from intermediate.int_patient_kind as k
)

select
  k.patient_kind_no,
  dense_rank() over (order by k.indication_code, k.clinic_id, k.route_code)::integer as main_kind_no,
from kinds as k
