MODEL (
  name intermediate.int_stratum_clinics,
  kind FULL,
  description 'How many clinics each stratum rests on, and how much on the largest of them: the figures of one clinic would tell which of the clinics it is. Clinics themselves are no strata here.',
  column_descriptions (
    indication = 'all, or the diagnosis that the stratum is within.',
    dimension = 'What level is a level of.',
    level = 'The level; all when dimension is overall.',
    instrument = 'all, or the instrument that its patients have an eligible baseline on.',
    n_clinics = 'Clinics with a patient, or with a session, in the stratum: the smaller number.',
    largest_share = 'Share of its patients, or of its sessions, that the largest clinic has: the larger share.'
  ),
  grain (indication, dimension, level, instrument),
  audits (
    not_null(columns := (indication, dimension, level, instrument, n_clinics, largest_share)),
    unique_combination_of_columns(columns := (indication, dimension, level, instrument)),
    forall(criteria := (largest_share between 0 and 1, largest_share * n_clinics >= 0.999999))
  )
);

with kinds as (
  select k.patient_kind_no, k.clinic_id, count(*) as n_patients,
  from intermediate.int_patient_kind as k
  group by k.patient_kind_no, k.clinic_id
),

eligible as (
  select r.patient_kind_no, r.instrument, max(r.n_eligible) as n_patients,
  from intermediate.int_response_counts as r
  group by r.patient_kind_no, r.instrument
),

patients as (
  select k.patient_kind_no, k.clinic_id, 'all' as instrument, k.n_patients,
  from kinds as k
  union all
  select k.patient_kind_no, k.clinic_id, e.instrument, e.n_patients,
  from eligible as e
  inner join kinds as k
    on e.patient_kind_no = k.patient_kind_no
),

sessions as (
  select s.session_kind_no, s.clinic_id, count(*) as n_sessions,
  from intermediate.int_session as s
  group by s.session_kind_no, s.clinic_id
),

parts as (
  select
    s.indication,
    s.dimension,
    s.level,
    p.instrument,
    'patient' as counted,
    p.clinic_id,
    sum(p.n_patients) as n,
  from patients as p
  inner join intermediate.int_patient_stratum as s
    on p.patient_kind_no = s.patient_kind_no
  where s.dimension <> 'clinic'
  group by s.indication, s.dimension, s.level, p.instrument, p.clinic_id
  union all
  select
    'all' as indication,
    k.dimension,
    k.level,
    'all' as instrument,
    'session' as counted,
    s.clinic_id,
    sum(s.n_sessions) as n,
  from sessions as s
  inner join intermediate.int_session_stratum as k
    on s.session_kind_no = k.session_kind_no
  group by k.dimension, k.level, s.clinic_id
),

shares as (
  select
    p.indication,
    p.dimension,
    p.level,
    p.instrument,
    p.counted,
    count(*) as n_clinics,
    max(p.n)::double / sum(p.n)::double as largest_share,
  from parts as p
  group by p.indication, p.dimension, p.level, p.instrument, p.counted
)

select
  s.indication::varchar as indication,
  s.dimension::varchar as dimension,
  s.level::varchar as level,
  s.instrument::varchar as instrument,
  min(s.n_clinics)::bigint as n_clinics,
  max(s.largest_share)::double as largest_share,
from shares as s
group by s.indication, s.dimension, s.level, s.instrument
