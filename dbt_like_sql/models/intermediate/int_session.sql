MODEL (
  name intermediate.int_session,
  kind FULL,
  description 'Sessions of consented patients up to their data cut, with the phase derived from the days, not as reported.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    clinic_id = 'The clinic.',
    course_id = 'The course that the session belongs to.',
    session_id = 'The session.',
    session_no = 'Number of the session in its course, as the clinic counts.',
    study_day = 'Day of the session; 0 is the first ketamine session of the patient.',
    course_intent = 'Intent of the course: induction, maintenance, rescue or palliative.',
    route_code = 'Route of the dose.',
    setting_code = 'Where it took place, as recorded.',
    place_code = 'home or on_site.',
    hour_band = 'Time of day, as recorded.',
    dose_band = 'Dose by body weight: under_0_3, 0_3_to_0_6, 0_6_to_1 or 1_and_over mg/kg; unknown without dose or weight.',
    session_band = 'first, second_to_sixth or later day with a session of the patient in the registry.',
    premedication = 'Benzodiazepine or alpha-2 agonist before the dose: none, benzodiazepine, alpha2 or both; not_reported by clinics that send no co-medication.',
    indication_code = 'Diagnosis that the course is for, or unknown.',
    phase_derived = 'Induction until a gap of more than maintenance_gap_days within the course, maintenance after it; courses of maintenance or rescue are maintenance throughout.',
    ae_form_status = 'Whether adverse events were asked for (complete), only taken when offered, or not asked.',
    dose_mg = 'Dose in mg, null when missing.',
    discharge_min = 'Minutes from the start of the dose to discharge, null when missing.',
    dose_mg_per_kg = 'Dose by body weight in mg/kg, as sent or from dose and weight; null when neither is known.',
    is_phase_as_reported = 'Whether the clinic called the session induction exactly when the days do; null when it gave no phase.',
    session_kind_no = 'Number of its combination of what sessions are counted by, from route to premedication, in this build.'
  ),
  grain (clinic_id, session_id),
  audits (
    not_null(columns := (patient_no, clinic_id, course_id, session_id, study_day, phase_derived, session_kind_no)),
    unique_combination_of_columns(columns := (clinic_id, session_id)),
    accepted_values(column := phase_derived, is_in := ('induction', 'maintenance'))
  )
);

with premedicated as (
  select
    m.clinic_id,
    m.session_id,
    max(case when m.drug_class = 'benzodiazepine' then 1 else 0 end) = 1 as has_benzodiazepine,
    max(case when m.drug_class = 'alpha2' then 1 else 0 end) = 1 as has_alpha2,
  from staging.stg_session_comed as m
  where m.timing = 'pre' and m.drug_class in ('benzodiazepine', 'alpha2')
  group by m.clinic_id, m.session_id
),

-- A clinic that sends no co-medication at all has not said that there was none.
reporting as (
  select distinct m.clinic_id,
  from staging.stg_session_comed as m
),

-- What all sessions of a course share, found once per course.
courses as (
  select
    c.clinic_id,
    c.course_id,
    p.patient_no,
    p.data_cut_day,
    p.weight_kg,
    c.intent,
    coalesce(d.dx_code, 'unknown') as indication_code,
  from staging.stg_course as c
  inner join intermediate.int_consented_patient as p
    on c.clinic_id = p.clinic_id and c.patient_id = p.patient_id
  left join staging.stg_diagnosis as d
    on c.clinic_id = d.clinic_id and c.patient_id = d.patient_id and c.target_dx_seq = d.dx_seq
),

sessions as (
  select
    c.patient_no,
    s.clinic_id,
    s.course_id,
    s.session_id,
    s.session_no,
    s.study_day,
    c.intent as course_intent,
    s.route as route_code,
    c.indication_code,
    s.ae_form_status,
    s.phase_reported,
    s.dose_mg,
    s.discharge_min,
    coalesce(s.setting, 'unknown') as setting_code,
    case
      when s.setting in ('home_supervised', 'home_telehealth') then 'home'
      when s.setting is not null then 'on_site'
      else 'unknown'
    end as place_code,
    coalesce(s.local_hour_band, 'unknown') as hour_band,
    coalesce(s.dose_mg_per_kg, s.dose_mg / c.weight_kg)::decimal(14, 8) as dose_mg_per_kg,
    case
      when r.clinic_id is null then 'not_reported'
      when m.has_benzodiazepine and m.has_alpha2 then 'both'
      when m.has_benzodiazepine then 'benzodiazepine'
      when m.has_alpha2 then 'alpha2'
      else 'none'
    end as premedication,
  from staging.stg_session as s
  inner join courses as c
    on s.clinic_id = c.clinic_id and s.course_id = c.course_id
  left join premedicated as m
    on s.clinic_id = m.clinic_id and s.session_id = m.session_id
  left join reporting as r
    on s.clinic_id = r.clinic_id
  where s.study_day <= c.data_cut_day
),

-- Days apart from the rows they belong to: windows carry every column along, and these need three.
days as (
  select distinct c.patient_no, s.course_id, s.study_day,
  from staging.stg_session as s
  inner join courses as c
    on s.clinic_id = c.clinic_id and s.course_id = c.course_id
  where s.study_day <= c.data_cut_day
),

numbered as (
  select
    d.patient_no,
    d.course_id,
    d.study_day,
    dense_rank() over (partition by d.patient_no order by d.study_day) as day_no,
    d.study_day - lag(d.study_day) over (partition by d.patient_no, d.course_id order by d.study_day)
      as days_since_previous,
  from days as d
),

-- Once induction has ended it stays ended, so the first long gap decides for all later sessions of the course.
maintenance as (
  select n.patient_no, n.course_id, min(n.study_day) as start_day,
  from numbered as n
  where n.days_since_previous > @maintenance_gap_days
  group by n.patient_no, n.course_id
),

bands as (
  select
    n.patient_no,
    min(case when n.day_no = 2 then n.study_day end) as second_day,
    min(case when n.day_no = 7 then n.study_day end) as seventh_day,
  from numbered as n
  group by n.patient_no
),

traits as (
  select
    s.patient_no,
    s.clinic_id,
    s.course_id,
    s.session_id,
    s.session_no,
    s.study_day,
    s.course_intent,
    case
      when s.course_intent in ('maintenance', 'rescue') or s.study_day >= m.start_day then 'maintenance'
      else 'induction'
    end as phase_derived,
    s.route_code,
    s.indication_code,
    s.ae_form_status,
    s.setting_code,
    s.place_code,
    s.hour_band,
    case
      when s.dose_mg_per_kg is null then 'unknown'
      when s.dose_mg_per_kg < 0.3 then 'under_0_3'
      when s.dose_mg_per_kg < 0.6 then '0_3_to_0_6'
      when s.dose_mg_per_kg < 1 then '0_6_to_1'
      else '1_and_over'
    end as dose_band,
    case
      when s.study_day >= b.seventh_day then 'later'
      when s.study_day >= b.second_day then 'second_to_sixth'
      else 'first'
    end as session_band,
    s.premedication,
    s.phase_reported,
    s.dose_mg,
    s.discharge_min,
    s.dose_mg_per_kg,
  from sessions as s
  inner join bands as b
    on s.patient_no = b.patient_no
  left join maintenance as m
    on s.patient_no = m.patient_no and s.course_id = m.course_id
),

kinds as (
  @number_kinds(
    traits,
    [
      route_code, indication_code, ae_form_status, setting_code, place_code,
      hour_band, dose_band, session_band, premedication
    ],
    session_kind_no
  )
)

select
  t.patient_no,
  t.clinic_id,
  t.course_id,
  t.session_id,
  t.session_no,
  t.study_day,
  t.course_intent,
  t.phase_derived,
  t.route_code,
  t.indication_code,
  t.ae_form_status,
  t.setting_code,
  t.place_code,
  t.hour_band,
  t.dose_band,
  t.session_band,
  t.premedication,
  t.dose_mg,
  t.discharge_min,
  t.dose_mg_per_kg,
  case
    when t.phase_reported <> 'unknown' then (t.phase_reported = 'induction') = (t.phase_derived = 'induction')
  end as is_phase_as_reported,
  k.session_kind_no,
from traits as t
left join kinds as k
  on @same_kind(
    t, k,
    [
      route_code, indication_code, ae_form_status, setting_code, place_code,
      hour_band, dose_band, session_band, premedication
    ]
  )
