MODEL (
  name intermediate.int_score,
  kind VIEW,
  description 'Valid scores of treated patients up to their data cut: the total as sent, or completed from the items answered; and of opioids the morphine equivalents of a day.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    assessment_id = 'The assessment, or opioid_day_ and its day.',
    instrument = 'The outcome instrument.',
    study_day = 'Day of the assessment; 0 is the first ketamine session of the patient.',
    course_day = 'Day of the assessment counted from the start of the first induction course.',
    score = 'The score, not rounded to whole points.',
    is_prorated = 'Whether the score was completed from the items answered.',
    can_be_baseline = 'Whether it was taken before, or away from, a dose.',
    can_be_outcome = 'Whether it was taken on a day without a session, or before the dose of that day.'
  ),
  grain (patient_no, assessment_id)
);

with session_days as (
  select distinct s.patient_no, s.study_day,
  from intermediate.int_session as s
),

scored as (
  select
    c.patient_no,
    a.assessment_id,
    a.instrument,
    a.study_day,
    a.study_day - c.course_start_day as course_day,
    a.timing_rel_dose,
    case
      when a.total is not null then a.total::decimal(14, 8)
      when a.n_items_answered between r.min_answered and i.n_items then (
        a.items_sum::double * case r.total_is when 'sum' then i.n_items else 1 end / a.n_items_answered
      )::decimal(14, 8)
    end as score,
    a.total is null and a.n_items_answered < i.n_items as is_prorated,
    i.min_score,
    i.max_score,
  from staging.stg_outcome_assessment as a
  inner join intermediate.int_cohort as c
    on a.clinic_id = c.clinic_id and a.patient_id = c.patient_id
  inner join reference.instruments as i
    on a.instrument = i.instrument
  left join reference.proration_rules as r
    on a.instrument = r.instrument
  where a.study_day <= c.data_cut_day
),

-- A total of a whole day is no reading of a moment: it counts on the day of a session too.
opioids as (
  select
    c.patient_no,
    concat('opioid_day_', o.study_day::varchar) as assessment_id,
    i.instrument,
    o.study_day,
    o.study_day - c.course_start_day as course_day,
    'pre' as timing_rel_dose,
    o.mme_per_day as score,
    false as is_prorated,
    i.min_score,
    i.max_score,
  from intermediate.int_opioid_mme as o
  inner join intermediate.int_cohort as c
    on o.patient_no = c.patient_no
  inner join reference.instruments as i
    on i.instrument = 'mme_per_day'
  where o.mme_per_day is not null
),

scores as (
  select
    s.patient_no,
    s.assessment_id,
    s.instrument,
    s.study_day,
    s.course_day,
    s.timing_rel_dose,
    s.score,
    s.is_prorated,
    s.min_score,
    s.max_score,
  from scored as s
  union all
  select
    o.patient_no,
    o.assessment_id,
    o.instrument,
    o.study_day,
    o.course_day,
    o.timing_rel_dose,
    o.score,
    o.is_prorated,
    o.min_score,
    o.max_score,
  from opioids as o
)

select
  s.patient_no,
  s.assessment_id,
  s.instrument,
  s.study_day,
  s.course_day,
  s.score,
  s.is_prorated,
  s.timing_rel_dose not in ('during', 'post') as can_be_baseline,
  d.study_day is null or s.timing_rel_dose = 'pre' as can_be_outcome,
from scores as s
left join session_days as d
  on s.patient_no = d.patient_no and s.study_day = d.study_day
where s.score between s.min_score and s.max_score
