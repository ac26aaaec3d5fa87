MODEL (
  name intermediate.int_ae_patient_term,
  kind VIEW,
  description 'Patients with an adverse event, by cell and term: in how many sessions, and when first.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    cell_no = 'The cell, by the number of int_ae_cell.',
    ae_term = 'Term of the adverse event, or any.',
    n_sessions_with = 'Sessions of the patient in the cell with the term.',
    n_sessions = 'All sessions of the patient in the cell.',
    days_after_event = 'Days of the time at risk that come after the first event and do not count.'
  ),
  grain (patient_no, cell_no, ae_term)
);

with kinds as (
  select
    e.patient_no,
    e.session_kind_no,
    e.ae_term,
    count(*) as n_sessions_with,
    min(e.first_onset_day) as first_onset_day,
  from intermediate.int_ae_event as e
  group by e.patient_no, e.session_kind_no, e.ae_term
),

patients as (
  select
    k.patient_no,
    c.cell_no,
    k.ae_term,
    sum(k.n_sessions_with)::bigint as n_sessions_with,
    min(k.first_onset_day) as first_onset_day,
  from kinds as k
  inner join intermediate.int_ae_cell as c
    on k.session_kind_no = c.session_kind_no
  group by k.patient_no, c.cell_no, k.ae_term
)

select
  p.patient_no,
  p.cell_no,
  p.ae_term,
  p.n_sessions_with,
  x.n_sessions,
  -- An onset noted outside the time at risk counts on its first or last day, so that events and patients agree.
  (x.risk_end_day - greatest(x.risk_start_day, least(x.risk_end_day, p.first_onset_day)))::integer as days_after_event,
from patients as p
inner join intermediate.int_ae_exposure as x
  on p.patient_no = x.patient_no and p.cell_no = x.cell_no
