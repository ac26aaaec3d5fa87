MODEL (
  name intermediate.int_ae_exposure,
  kind FULL,
  description 'How much each patient was at risk of an adverse event, by stratum and ascertainment: sessions and days.',
  column_descriptions (
    clinic_id = 'The clinic.',
    patient_id = 'The patient.',
    dimension = 'overall, route or indication: a patient treated by two routes has a row in each.',
    level = 'all, the route or the diagnosis.',
    ascertainment = 'Which sessions count: complete, all or spontaneous.',
    n_sessions = 'Sessions of the patient in the stratum.',
    risk_start_day = 'Day of the first such session.',
    risk_end_day = 'Last day at risk: the earliest of data cut, last contact and ae_risk_days after the last such session.'
  ),
  grain (clinic_id, patient_id, dimension, level, ascertainment),
  audits (
    not_null(columns := (clinic_id, patient_id, dimension, level, ascertainment, n_sessions)),
    unique_combination_of_columns(columns := (clinic_id, patient_id, dimension, level, ascertainment)),
    forall(criteria := (n_sessions > 0, risk_start_day <= risk_end_day))
  )
);

with contacts as (
  select s.clinic_id, s.patient_id, max(s.study_day) as study_day,
  from intermediate.int_session as s
  group by s.clinic_id, s.patient_id
  union all
  select a.clinic_id, a.patient_id, max(a.study_day) as study_day,
  from staging.stg_outcome_assessment as a
  group by a.clinic_id, a.patient_id
  union all
  select f.clinic_id, f.patient_id, max(f.study_day) as study_day,
  from staging.stg_followup_contact as f
  group by f.clinic_id, f.patient_id
),

last_contact as (
  select c.clinic_id, c.patient_id, max(c.study_day) as study_day,
  from contacts as c
  group by c.clinic_id, c.patient_id
),

-- A few rows per patient from here on, so that multiplying by stratum and ascertainment stays small.
sessions as (
  select
    s.clinic_id,
    s.patient_id,
    s.route_code,
    s.indication_code,
    s.ae_form_status,
    count(*) as n_sessions,
    min(s.study_day) as first_day,
    max(s.study_day) as last_day,
  from intermediate.int_session as s
  group by s.clinic_id, s.patient_id, s.route_code, s.indication_code, s.ae_form_status
),

strata as (
  select
    s.clinic_id,
    s.patient_id,
    d.dimension,
    case d.dimension when 'route' then s.route_code when 'indication' then s.indication_code else 'all' end as level,
    a.ascertainment,
    s.n_sessions,
    s.first_day,
    s.last_day,
  from sessions as s
  inner join intermediate.int_ae_ascertainment as a
    on s.ae_form_status = a.ae_form_status
  inner join reference.strata as d
    on not d.has_indication and d.dimension <> 'clinic'
),

exposure as (
  select
    s.clinic_id,
    s.patient_id,
    s.dimension,
    s.level,
    s.ascertainment,
    sum(s.n_sessions)::bigint as n_sessions,
    min(s.first_day) as first_day,
    max(s.last_day) as last_day,
  from strata as s
  group by s.clinic_id, s.patient_id, s.dimension, s.level, s.ascertainment
)

select
  e.clinic_id,
  e.patient_id,
  e.dimension,
  e.level,
  e.ascertainment,
  e.n_sessions,
  e.first_day as risk_start_day,
  least(p.data_cut_day, c.study_day, e.last_day + 30)::integer as risk_end_day,
from exposure as e
inner join last_contact as c
  on e.clinic_id = c.clinic_id and e.patient_id = c.patient_id
inner join intermediate.int_consented_patient as p
  on e.clinic_id = p.clinic_id and e.patient_id = p.patient_id
