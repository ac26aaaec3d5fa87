MODEL (
  name intermediate.int_screening_reporting,
  kind FULL,
  description 'How many treated patients have any screening on file, by kind of patient, those of clinics that send none included.',
  column_descriptions (
    patient_kind_no = 'The kind of patient, by the number of int_patient_kind.',
    n_patients = 'Treated patients.',
    n_screened = 'Of these, patients with at least one screening item on file.'
  ),
  grain (patient_kind_no),
  audits (
    not_null(columns := (patient_kind_no, n_patients, n_screened)),
    unique_combination_of_columns(columns := (patient_kind_no)),
    forall(criteria := (n_screened <= n_patients))
  )
);

with screened as (
  select distinct c.clinic_id, c.patient_id,
  from staging.stg_screening_item as s
  inner join staging.stg_course as c
    on s.clinic_id = c.clinic_id and s.course_id = c.course_id
)

select
  k.patient_kind_no,
  count(*) as n_patients,
  count(s.patient_id) as n_screened,
from intermediate.int_cohort as c
inner join intermediate.int_patient_kind as k
  on c.patient_no = k.patient_no
left join screened as s
  on c.clinic_id = s.clinic_id and c.patient_id = s.patient_id
group by k.patient_kind_no
