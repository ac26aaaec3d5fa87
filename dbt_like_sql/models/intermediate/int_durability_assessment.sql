MODEL (
  name intermediate.int_durability_assessment,
  kind FULL,
  description 'Assessments of evaluable patients after induction that durability may use: up to retreatment or death, and up to the first gap of more than 56 days.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    instrument = 'The outcome instrument.',
    days = 'Days since the last induction session.',
    days_to_next = 'Days to the next assessment before retreatment or death, be it beyond the gap; null when there is none.',
    is_in_response = 'Whether the score, averaged over the day, is a response.',
    is_next_in_response = 'The same of the next assessment that may be used; null when there is none.',
    is_relapse = 'Whether the score is a relapse of depression: PHQ-9 of 10 or more, or back within 20 % of baseline; null for other instruments.',
    is_next_relapse = 'The same of the next assessment that may be used; null when there is none.',
    last_response_days = 'The last day in response so far, this one included; null when there is none.'
  ),
  grain (patient_no, instrument, days),
  audits (
    not_null(columns := (patient_no, instrument, days, is_in_response)),
    unique_combination_of_columns(columns := (patient_no, instrument, days)),
    forall(criteria := (days >= 1))
  )
);

with judged as (
  select
    d.patient_no,
    d.instrument,
    d.study_day - s.last_induction_day as days,
    @reaches(i.response_kind, i.response_threshold, i.better, s.baseline_score, d.score) as is_in_response,
    -- Averages are quotients: rounding keeps a score of exactly 10 or exactly 20 % on the side it is on.
    case when d.instrument = 'phq9'
      then round(d.score, 4) >= 10 or round(5 * (s.baseline_score - d.score) - s.baseline_score, 4) <= 0
    end as is_relapse,
  from intermediate.int_outcome_day as d
  inner join intermediate.int_durability_start as s
    on d.patient_no = s.patient_no and d.instrument = s.instrument
  inner join reference.instruments as i
    on d.instrument = i.instrument
  where
    s.is_evaluable
    and d.study_day > s.last_induction_day
    and d.study_day <= coalesce(s.retreatment_day, d.study_day)
    and d.study_day <= coalesce(s.death_day, d.study_day)
),

stepped as (
  select
    j.patient_no,
    j.instrument,
    j.days,
    lead(j.days) over (partition by j.patient_no, j.instrument order by j.days) - j.days as days_to_next,
    j.is_in_response,
    lead(j.is_in_response) over (partition by j.patient_no, j.instrument order by j.days) as is_next_in_response,
    j.is_relapse,
    lead(j.is_relapse) over (partition by j.patient_no, j.instrument order by j.days) as is_next_relapse,
    max(case when j.is_in_response then j.days end) over (
      partition by j.patient_no, j.instrument order by j.days
      rows between unbounded preceding and current row
    ) as last_response_days,
  from judged as j
),

gaps as (
  select s.patient_no, s.instrument, min(s.days) as last_days,
  from stepped as s
  where s.days_to_next > 56
  group by s.patient_no, s.instrument
)

select
  s.patient_no,
  s.instrument,
  s.days::integer as days,
  s.days_to_next::integer as days_to_next,
  s.is_in_response,
  (case when s.days_to_next <= 56 then s.is_next_in_response end)::boolean as is_next_in_response,
  s.is_relapse,
  (case when s.days_to_next <= 56 then s.is_next_relapse end)::boolean as is_next_relapse,
  s.last_response_days::integer as last_response_days,
from stepped as s
left join gaps as g
  on s.patient_no = g.patient_no and s.instrument = g.instrument
where s.days <= coalesce(g.last_days, s.days)
