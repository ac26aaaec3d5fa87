MODEL (
  name intermediate.int_patient_vital,
  kind FULL,
  description 'Sessions of each patient and kind with vital signs read, and how many of them reached each limit. Where none were read there is no row.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    session_kind_no = 'The kind of session, by the number of int_session.',
    n_pressure = 'Sessions with systolic pressure read before the dose and during or at its peak.',
    n_sbp_180 = 'Of these, those with a systolic pressure of 180 mmHg or more after the dose began.',
    n_severe_pressure = 'Of these, those with a systolic pressure of 180 or a diastolic one of 110 mmHg or more.',
    n_pressure_rise = 'Of these, those in which systolic pressure rose by 30 mmHg, or by 20 %, or more.',
    rise_mmhg = 'Their rises added up, in mmHg.',
    squared_rise = 'Their squared rises added up.',
    n_spo2 = 'Sessions with oxygen saturation read after the dose began.',
    n_desaturation = 'Of these, those in which it fell below 90 %.',
    n_comed = 'Sessions with pressure read whose clinic sends co-medication.',
    n_antihypertensive = 'Of these, those with an antihypertensive given as rescue during or after the dose.'
  ),
  grain (patient_no, session_kind_no),
  audits (
    not_null(columns := (patient_no, session_kind_no, n_pressure, n_spo2, n_comed)),
    unique_combination_of_columns(columns := (patient_no, session_kind_no)),
    forall(criteria := (
      n_sbp_180 <= n_severe_pressure,
      n_severe_pressure <= n_pressure,
      n_pressure_rise <= n_pressure,
      n_desaturation <= n_spo2,
      n_antihypertensive <= n_comed
    ))
  )
);

with sessions as (
  select
    v.patient_no,
    v.session_kind_no,
    v.has_pressure,
    v.has_pressure and v.peak_sbp >= 180 as is_sbp_180,
    v.has_pressure and (v.peak_sbp >= 180 or v.peak_dbp >= 110) as is_severe_pressure,
    v.has_pressure and (v.peak_sbp - v.pre_sbp >= 30 or 5 * (v.peak_sbp - v.pre_sbp) >= v.pre_sbp) as is_pressure_rise,
    case when v.has_pressure then v.peak_sbp - v.pre_sbp end as rise,
    v.lowest_spo2,
    v.has_pressure and v.is_comed_reported as has_comed,
    v.has_antihypertensive,
  from intermediate.int_session_vital as v
)

select
  s.patient_no,
  s.session_kind_no,
  sum(case when s.has_pressure then 1 else 0 end)::integer as n_pressure,
  sum(case when s.is_sbp_180 then 1 else 0 end)::integer as n_sbp_180,
  sum(case when s.is_severe_pressure then 1 else 0 end)::integer as n_severe_pressure,
  sum(case when s.is_pressure_rise then 1 else 0 end)::integer as n_pressure_rise,
  coalesce(sum(s.rise), 0)::decimal(18, 4) as rise_mmhg,
  coalesce(sum(s.rise * s.rise), 0)::decimal(18, 4) as squared_rise,
  count(s.lowest_spo2)::integer as n_spo2,
  sum(case when s.lowest_spo2 < 90 then 1 else 0 end)::integer as n_desaturation,
  sum(case when s.has_comed then 1 else 0 end)::integer as n_comed,
  sum(case when s.has_comed and s.has_antihypertensive then 1 else 0 end)::integer as n_antihypertensive,
from sessions as s
group by s.patient_no, s.session_kind_no
