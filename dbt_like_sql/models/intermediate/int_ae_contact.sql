MODEL (
  name intermediate.int_ae_contact,
  kind FULL,
  description 'Follow-up contacts of treated patients up to their data cut, each with the session before it, whose route and diagnosis it is counted by.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    clinic_id = 'The clinic.',
    followup_id = 'The contact.',
    session_kind_no = 'Kind of the last session on or before the day of the contact; of several on that day, the one with the highest number.',
    ae_form_status = 'Whether adverse events were asked for at the contact (complete), only taken when offered, or not asked.',
    contact_kind_no = 'Number of the combination of session_kind_no and ae_form_status, below 0 so that no session has it.'
  ),
  grain (clinic_id, followup_id),
  audits (
    not_null(columns := (patient_no, clinic_id, followup_id, session_kind_no, ae_form_status, contact_kind_no)),
    unique_combination_of_columns(columns := (clinic_id, followup_id))
  )
);

with latest as (
  select
    p.patient_no,
    f.clinic_id,
    f.followup_id,
    f.ae_form_status,
    -- Day and kind in one number, the day first: one pass finds the kind of the latest day.
    max(s.study_day::bigint * 1000000 + s.session_kind_no) as day_and_kind,
  from staging.stg_followup_contact as f
  inner join intermediate.int_consented_patient as p
    on f.clinic_id = p.clinic_id and f.patient_id = p.patient_id
  inner join intermediate.int_session as s
    on p.patient_no = s.patient_no and s.study_day <= f.study_day
  where f.study_day <= p.data_cut_day
  group by p.patient_no, f.clinic_id, f.followup_id, f.ae_form_status
),

contacts as (
  select
    l.patient_no,
    l.clinic_id,
    l.followup_id,
    l.ae_form_status,
    (l.day_and_kind % 1000000)::integer as session_kind_no,
  from latest as l
),

kinds as (
  select
    k.session_kind_no,
    k.ae_form_status,
    -row_number() over (order by k.session_kind_no, k.ae_form_status)::integer as contact_kind_no,
  from (select distinct c.session_kind_no, c.ae_form_status from contacts as c) as k
)

select c.patient_no, c.clinic_id, c.followup_id, c.session_kind_no, c.ae_form_status, k.contact_kind_no,
from contacts as c
inner join kinds as k
  on c.session_kind_no = k.session_kind_no and c.ae_form_status = k.ae_form_status
