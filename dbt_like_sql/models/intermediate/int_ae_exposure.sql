MODEL (
  name intermediate.int_ae_exposure,
  kind FULL,
  description 'How much each patient was at risk of an adverse event in each cell: sessions and days.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    cell_no = 'The cell, by the number of int_ae_cell: a patient treated by two routes is in the cells of both.',
    n_sessions = 'Sessions of the patient in the cell.',
    risk_start_day = 'Day of the first such session.',
    risk_end_day = 'Last day at risk: the earliest of data cut, last contact and ae_risk_days after the last such session.'
  ),
  grain (patient_no, cell_no),
  audits (
    not_null(columns := (patient_no, cell_no, n_sessions)),
    unique_combination_of_columns(columns := (patient_no, cell_no)),
    forall(criteria := (n_sessions > 0, risk_start_day <= risk_end_day))
  )
);

with seen as (
  select a.clinic_id, a.patient_id, max(a.study_day) as study_day,
  from staging.stg_outcome_assessment as a
  group by a.clinic_id, a.patient_id
  union all
  select f.clinic_id, f.patient_id, max(f.study_day) as study_day,
  from staging.stg_followup_contact as f
  group by f.clinic_id, f.patient_id
),

last_seen as (
  select p.patient_no, p.data_cut_day, max(s.study_day) as study_day,
  from intermediate.int_consented_patient as p
  left join seen as s
    on p.clinic_id = s.clinic_id and p.patient_id = s.patient_id
  group by p.patient_no, p.data_cut_day
),

-- A few rows per patient from here on, so that multiplying by cell stays small.
kinds as (
  select
    s.patient_no,
    s.session_kind_no,
    count(*) as n_sessions,
    min(s.study_day) as first_day,
    max(s.study_day) as last_day,
  from intermediate.int_session as s
  group by s.patient_no, s.session_kind_no
),

last_session as (
  select k.patient_no, max(k.last_day) as study_day,
  from kinds as k
  group by k.patient_no
),

cells as (
  select
    k.patient_no,
    c.cell_no,
    sum(k.n_sessions)::bigint as n_sessions,
    min(k.first_day) as first_day,
    max(k.last_day) as last_day,
  from kinds as k
  inner join intermediate.int_ae_cell as c
    on k.session_kind_no = c.session_kind_no
  group by k.patient_no, c.cell_no
)

select
  c.patient_no,
  c.cell_no,
  c.n_sessions,
  c.first_day as risk_start_day,
  least(l.data_cut_day, greatest(s.study_day, coalesce(l.study_day, s.study_day)), c.last_day + 30)::integer
    as risk_end_day,
from cells as c
inner join last_session as s
  on c.patient_no = s.patient_no
inner join last_seen as l
  on c.patient_no = l.patient_no
