MODEL (
  name intermediate.int_patient_kind,
  kind FULL,
  description 'What each treated patient is counted by, and the number of that combination: every trait is known by the end of induction, so that no stratum is made of what happened later.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    indication_code = 'Diagnosis that the first induction course is for, or unknown.',
    clinic_id = 'The clinic.',
    route_code = 'Route of the first session.',
    setting_code = 'Where the first session took place.',
    place_code = 'home or on_site, of the first session.',
    hour_band = 'Time of day of the first session.',
    dose_band = 'Dose by body weight of the first session.',
    cumulative_dose_band = 'Doses of induction added up where all were intravenous: under_200_mg, 200_to_400_mg, 400_to_600_mg or 600_mg_and_over; not_iv; unknown when a dose is missing.',
    age_group = 'under_46, 46_and_over or unknown.',
    psychotherapy = 'with or without psychotherapy or integration begun by the end of induction; not_reported by clinics that send no co-therapy.',
    rehabilitation = 'with or without physiotherapy or rehabilitation begun by the end of induction; not_reported likewise.',
    patient_kind_no = 'Number of the combination in this build.'
  ),
  grain (patient_no),
  audits (
    not_null(columns := (patient_no, patient_kind_no)),
    unique_combination_of_columns(columns := (patient_no))
  )
);

with doses as (
  select
    s.patient_no,
    s.course_id,
    count(*) as n_sessions,
    count(s.dose_mg) as n_doses,
    sum(s.dose_mg) as dose_mg,
    sum(case when s.route_code = 'iv' then 1 else 0 end) as n_iv,
  from intermediate.int_session as s
  where s.phase_derived = 'induction'
  group by s.patient_no, s.course_id
),

therapies as (
  select
    c.patient_no,
    max(case when t.kind in ('psychotherapy', 'integration') then 1 else 0 end) = 1 as has_psychotherapy,
    max(case when t.kind in ('physiotherapy', 'rehabilitation') then 1 else 0 end) = 1 as has_rehabilitation,
  from intermediate.int_cohort as c
  inner join staging.stg_co_therapy as t
    on c.clinic_id = t.clinic_id and c.patient_id = t.patient_id
  where t.start_day <= c.last_induction_day and coalesce(t.end_day, c.course_start_day) >= c.course_start_day
  group by c.patient_no
),

-- A clinic that sends no co-therapy at all has not said that there was none.
reporting as (
  select distinct t.clinic_id,
  from staging.stg_co_therapy as t
),

traits as (
  select
    c.patient_no,
    c.indication_code,
    c.clinic_id,
    c.route_code,
    coalesce(c.setting_code, 'unknown') as setting_code,
    coalesce(c.place_code, 'unknown') as place_code,
    coalesce(c.hour_band, 'unknown') as hour_band,
    coalesce(c.dose_band, 'unknown') as dose_band,
    case
      when d.n_iv < d.n_sessions then 'not_iv'
      when d.n_doses < d.n_sessions then 'unknown'
      when d.dose_mg >= 600 then '600_mg_and_over'
      when d.dose_mg >= 400 then '400_to_600_mg'
      when d.dose_mg >= 200 then '200_to_400_mg'
      when d.dose_mg is not null then 'under_200_mg'
      else 'unknown'
    end as cumulative_dose_band,
    coalesce(p.age_group, 'unknown') as age_group,
    case when r.clinic_id is null then 'not_reported' when t.has_psychotherapy then 'with' else 'without' end
      as psychotherapy,
    case when r.clinic_id is null then 'not_reported' when t.has_rehabilitation then 'with' else 'without' end
      as rehabilitation,
  from intermediate.int_cohort as c
  left join intermediate.int_consented_patient as p
    on c.patient_no = p.patient_no
  left join doses as d
    on c.patient_no = d.patient_no and c.course_id = d.course_id
  left join therapies as t
    on c.patient_no = t.patient_no
  left join reporting as r
    on c.clinic_id = r.clinic_id
),

kinds as (
  @number_kinds(
    traits,
    [
      indication_code, clinic_id, route_code, setting_code, place_code,
      hour_band, dose_band, cumulative_dose_band, age_group, psychotherapy, rehabilitation
    ],
    patient_kind_no
  )
)

select
  t.patient_no,
  t.indication_code,
  t.clinic_id,
  t.route_code,
  t.setting_code,
  t.place_code,
  t.hour_band,
  t.dose_band,
  t.cumulative_dose_band,
  t.age_group,
  t.psychotherapy,
  t.rehabilitation,
  k.patient_kind_no,
from traits as t
inner join kinds as k
  on @same_kind(
    t, k,
    [
      indication_code, clinic_id, route_code, setting_code, place_code,
      hour_band, dose_band, cumulative_dose_band, age_group, psychotherapy, rehabilitation
    ]
  )
