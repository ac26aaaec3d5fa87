MODEL (
  name intermediate.int_durability_assessment,
  kind VIEW,
  description 'Assessments after induction that durability may use: up to retreatment or death, and up to the first gap of more than 56 days.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    instrument = 'The outcome instrument.',
    days = 'Days since the last induction session.',
    position = 'Number of the assessment day, from 1.',
    is_in_response = 'Whether the score, averaged over the day, is a response.',
    is_next_in_response = 'The same of the next assessment that may be used; null when there is none.',
    last_response_days = 'The last day in response so far, this one included; null when there is none.'
  ),
  grain (patient_no, instrument, days)
);

with daily as (
  select
    d.patient_no,
    d.instrument,
    d.study_day - f.last_induction_day as days,
    d.score,
  from intermediate.int_outcome_day as d
  inner join intermediate.int_durability_follow_up as f
    on d.patient_no = f.patient_no
  where
    d.study_day > f.last_induction_day
    and d.study_day <= coalesce(f.retreatment_day, d.study_day)
    and d.study_day <= coalesce(f.death_day, d.study_day)
),

judged as (
  select
    d.patient_no,
    d.instrument,
    d.days,
    @reaches(i.response_kind, i.response_threshold, i.better, b.baseline_score, d.score) as is_in_response,
    d.days - lag(d.days) over (partition by d.patient_no, d.instrument order by d.days)
      as days_since_previous,
  from daily as d
  inner join intermediate.int_baseline as b
    on d.patient_no = b.patient_no and d.instrument = b.instrument
  inner join reference.instruments as i
    on d.instrument = i.instrument
  where b.is_eligible
),

gaps as (
  select
    j.patient_no,
    j.instrument,
    j.days,
    j.is_in_response,
    sum(case when j.days_since_previous > 56 then 1 else 0 end) over (
      partition by j.patient_no, j.instrument order by j.days
      rows between unbounded preceding and current row
    ) as n_gaps,
  from judged as j
)

select
  g.patient_no,
  g.instrument,
  g.days::integer as days,
  row_number() over (partition by g.patient_no, g.instrument order by g.days) as position,
  g.is_in_response,
  lead(g.is_in_response) over (partition by g.patient_no, g.instrument order by g.days)
    as is_next_in_response,
  max(case when g.is_in_response then g.days end) over (
    partition by g.patient_no, g.instrument order by g.days
    rows between unbounded preceding and current row
  )::integer as last_response_days,
from gaps as g
where g.n_gaps = 0
