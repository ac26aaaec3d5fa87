MODEL (
  name intermediate.int_baseline,
  kind FULL,
  description 'The baseline of each treated patient and instrument: the last valid day in the two weeks before the course, its first day included. Never imputed.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    instrument = 'The outcome instrument.',
    baseline_day = 'Day of the baseline counted from the start of the course, 0 or less.',
    baseline_score = 'The score of that day; the mean when there are several.',
    is_averaged = 'Whether several scores of the day were averaged.',
    is_eligible = 'Whether the baseline is bad enough for a response to mean something: above 0, and beyond the floor of the instrument.'
  ),
  grain (patient_no, instrument),
  audits (
    not_null(columns := (patient_no, instrument, baseline_score, is_eligible)),
    unique_combination_of_columns(columns := (patient_no, instrument))
  )
);

with days as (
  select
    s.patient_no,
    s.instrument,
    s.course_day,
    avg(s.score)::decimal(14, 8) as score,
    count(*) > 1 as is_averaged,
  from intermediate.int_score as s
  where s.can_be_baseline and s.course_day between -@baseline_days and 0
  group by s.patient_no, s.instrument, s.course_day
),

ranked as (
  select
    d.patient_no,
    d.instrument,
    d.course_day,
    d.score,
    d.is_averaged,
    row_number() over (partition by d.patient_no, d.instrument order by d.course_day desc) as recency,
  from days as d
)

select
  r.patient_no,
  r.instrument,
  r.course_day as baseline_day,
  r.score as baseline_score,
  r.is_averaged,
  r.score > 0 and (
    i.baseline_floor is null
    or case when i.better = 'higher' then r.score <= i.baseline_floor else r.score >= i.baseline_floor end
  ) as is_eligible,
from ranked as r
inner join reference.instruments as i
  on r.instrument = i.instrument
-- An instrument without a response (a safety scale) has no use for a baseline.
where r.recency = 1 and i.response_kind <> 'none'
