MODEL (
  name intermediate.int_session_vital,
  kind VIEW,
  description 'Each session with vital signs, by their extremes: before the dose, and at their worst after it began. A session without blood pressure or oxygen has no row.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    session_id = 'The session.',
    session_kind_no = 'The kind of session, by the number of int_session.',
    has_pressure = 'Whether systolic pressure was read both before the dose and during or at its peak.',
    pre_sbp = 'The last systolic pressure before the dose, in mmHg.',
    peak_sbp = 'The highest systolic pressure after the dose began, discharge included, in mmHg.',
    peak_dbp = 'The highest diastolic pressure after the dose began, in mmHg.',
    lowest_spo2 = 'The lowest oxygen saturation after the dose began, in per cent; null when it was not read.',
    is_comed_reported = 'Whether the clinic sends co-medication at all.',
    has_antihypertensive = 'Whether an antihypertensive was given as rescue during or after the dose.'
  ),
  grain (patient_no, session_id)
);

with extremes as (
  select
    v.clinic_id,
    v.session_id,
    max(case when v.phase in ('during', 'peak') and v.param = 'sbp' then 1 else 0 end) = 1 as has_peak,
    arg_max(
      case when v.phase = 'pre' and v.param = 'sbp' then v.value end,
      case when v.phase = 'pre' and v.param = 'sbp' then v.minute end
    )::decimal(5, 1) as pre_sbp,
    max(case when v.phase <> 'pre' and v.param = 'sbp' then v.value end) as peak_sbp,
    max(case when v.phase <> 'pre' and v.param = 'dbp' then v.value end) as peak_dbp,
    min(case when v.phase <> 'pre' and v.param = 'spo2' then v.value end) as lowest_spo2,
  from staging.stg_session_vital as v
  where v.param in ('sbp', 'dbp', 'spo2')
  group by v.clinic_id, v.session_id
),

rescued as (
  select distinct m.clinic_id, m.session_id,
  from staging.stg_session_comed as m
  where m.drug_class = 'antihypertensive' and m.reason = 'rescue' and m.timing in ('during', 'post')
)

select
  s.patient_no,
  s.session_id,
  s.session_kind_no,
  e.has_peak and e.pre_sbp is not null as has_pressure,
  e.pre_sbp,
  e.peak_sbp,
  e.peak_dbp,
  e.lowest_spo2,
  s.premedication <> 'not_reported' as is_comed_reported,
  r.session_id is not null as has_antihypertensive,
from intermediate.int_session as s
inner join extremes as e
  on s.clinic_id = e.clinic_id and s.session_id = e.session_id
left join rescued as r
  on s.clinic_id = r.clinic_id and s.session_id = r.session_id
