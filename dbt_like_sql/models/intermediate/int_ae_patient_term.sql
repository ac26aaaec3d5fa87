MODEL (
  name intermediate.int_ae_patient_term,
  kind VIEW,
  description 'Patients with an adverse event, by stratum, ascertainment and term: in how many sessions, and when first.',
  column_descriptions (
    clinic_id = 'The clinic.',
    patient_id = 'The patient.',
    dimension = 'overall, route or indication.',
    level = 'all, the route or the diagnosis.',
    ascertainment = 'Which sessions count: complete, all or spontaneous.',
    ae_term = 'Term of the adverse event, or any.',
    n_sessions_with = 'Sessions of the patient in the stratum with the term.',
    n_sessions = 'All sessions of the patient in the stratum.',
    days_after_event = 'Days of the time at risk that come after the first event and do not count.'
  ),
  grain (clinic_id, patient_id, dimension, level, ascertainment, ae_term)
);

with events as (
  select
    e.clinic_id,
    e.patient_id,
    e.ae_term,
    e.route_code,
    e.indication_code,
    e.ae_form_status,
    count(*) as n_sessions_with,
    min(e.first_onset_day) as first_onset_day,
  from intermediate.int_ae_event as e
  group by e.clinic_id, e.patient_id, e.ae_term, e.route_code, e.indication_code, e.ae_form_status
),

strata as (
  select
    e.clinic_id,
    e.patient_id,
    d.dimension,
    case d.dimension when 'route' then e.route_code when 'indication' then e.indication_code else 'all' end as level,
    a.ascertainment,
    e.ae_term,
    e.n_sessions_with,
    e.first_onset_day,
  from events as e
  inner join intermediate.int_ae_ascertainment as a
    on e.ae_form_status = a.ae_form_status
  inner join reference.strata as d
    on not d.has_indication and d.dimension <> 'clinic'
),

patients as (
  select
    s.clinic_id,
    s.patient_id,
    s.dimension,
    s.level,
    s.ascertainment,
    s.ae_term,
    sum(s.n_sessions_with)::bigint as n_sessions_with,
    min(s.first_onset_day) as first_onset_day,
  from strata as s
  group by s.clinic_id, s.patient_id, s.dimension, s.level, s.ascertainment, s.ae_term
)

select
  p.clinic_id,
  p.patient_id,
  p.dimension,
  p.level,
  p.ascertainment,
  p.ae_term,
  p.n_sessions_with,
  x.n_sessions,
  -- An onset noted outside the time at risk counts on its first or last day, so that events and patients agree.
  (x.risk_end_day - greatest(x.risk_start_day, least(x.risk_end_day, p.first_onset_day)))::integer as days_after_event,
from patients as p
inner join intermediate.int_ae_exposure as x
  on p.clinic_id = x.clinic_id
  and p.patient_id = x.patient_id
  and p.dimension = x.dimension
  and p.level = x.level
  and p.ascertainment = x.ascertainment
