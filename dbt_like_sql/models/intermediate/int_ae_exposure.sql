MODEL (
  name intermediate.int_ae_exposure,
  kind FULL,
  description 'How much each patient was at risk of an adverse event in each cell: sessions, and days where the cell counts them.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    cell_no = 'The cell, by the number of int_ae_cell: a patient treated by two routes is in the cells of both. Cells of what changes from session to session are not here (int_ae_varying_sum).',
    n_sessions = 'Sessions of the patient in the cell.',
    risk_start_day = 'Day of the first such session; null where the cell counts no time.',
    risk_end_day = 'Last day at risk: the earliest of data cut, last contact and ae_risk_days after the last such session.'
  ),
  grain (patient_no, cell_no),
  audits (
    not_null(columns := (patient_no, cell_no, n_sessions)),
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

-- A row or two per patient from here on, so that multiplying by cell stays small.
groups as (
  select
    s.patient_no,
    coalesce(k.asked_group_no, k.all_group_no) as group_no,
    count(*)::integer as n_sessions,
    min(s.study_day) as first_day,
    max(s.study_day) as last_day,
  from intermediate.int_session as s
  inner join intermediate.int_ae_kind as k
    on s.session_kind_no = k.session_kind_no
  group by grouping sets ((s.patient_no, k.asked_group_no), (s.patient_no, k.all_group_no))
),

last_session as (
  select g.patient_no, max(g.last_day) as study_day,
  from groups as g
  group by g.patient_no
),

group_cells as (
  select distinct g.group_no, c.cell_no, c.is_timed,
  from intermediate.int_ae_group as g
  inner join intermediate.int_ae_cell as c
    on g.session_kind_no = c.session_kind_no and g.cell_no = c.cell_no
),

cells as (
  select
    g.patient_no,
    c.cell_no,
    sum(g.n_sessions)::integer as n_sessions,
    min(case when c.is_timed then g.first_day end) as first_day,
    max(case when c.is_timed then g.last_day end) as last_day,
  from groups as g
  inner join group_cells as c
    on g.group_no = c.group_no
  group by g.patient_no, c.cell_no
)

select
  c.patient_no,
  c.cell_no,
  c.n_sessions,
  c.first_day as risk_start_day,
  case
    when c.last_day is not null
      then least(l.data_cut_day, greatest(s.study_day, coalesce(l.study_day, s.study_day)), c.last_day + 30)
  end::integer as risk_end_day,
from cells as c
inner join last_session as s
  on c.patient_no = s.patient_no
inner join last_seen as l
  on c.patient_no = l.patient_no
