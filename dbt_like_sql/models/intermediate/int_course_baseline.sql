MODEL (
  name intermediate.int_course_baseline,
  kind FULL,
  description 'The baseline of each induction course and instrument: the last valid day in the two weeks before the course, its first day included. Never imputed.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    course_no = 'The course, by the number of int_course.',
    instrument_no = 'The outcome instrument, by the number of int_instrument.',
    baseline_day = 'Day of the baseline counted from the start of the course, 0 or less.',
    baseline_score = 'The score of that day; the mean when there are several.',
    is_averaged = 'Whether the day has several scores.',
    is_eligible = 'Whether the baseline is bad enough for a response to mean something: above 0, and beyond the floor of the instrument.'
  ),
  grain (patient_no, course_no, instrument_no),
  audits (
    not_null(columns := (patient_no, course_no, instrument_no, baseline_score, is_eligible)),
    unique_combination_of_columns(columns := (patient_no, course_no, instrument_no))
  )
);

with latest as (
  select
    d.patient_no,
    c.course_no,
    d.instrument_no,
    max(d.study_day - c.course_start_day) as baseline_day,
    max_by(d.baseline_score, d.study_day)::decimal(14, 8) as baseline_score,
    max_by(d.is_averaged, d.study_day)::boolean as is_averaged,
  from intermediate.int_score_day as d
  inner join intermediate.int_course as c
    on d.patient_no = c.patient_no
  where d.baseline_score is not null and d.study_day - c.course_start_day between -@baseline_days and 0
  group by d.patient_no, c.course_no, d.instrument_no
)

select
  l.patient_no,
  l.course_no,
  l.instrument_no,
  l.baseline_day,
  l.baseline_score,
  l.is_averaged,
  l.baseline_score > 0 and (
    i.baseline_floor is null
    or case when i.better = 'higher' then l.baseline_score <= i.baseline_floor
      else l.baseline_score >= i.baseline_floor
    end
  ) as is_eligible,
from latest as l
inner join intermediate.int_instrument as n
  on l.instrument_no = n.instrument_no
inner join reference.instruments as i
  on n.instrument = i.instrument
-- An instrument without a response (a safety scale) has no use for a baseline.
where i.response_kind <> 'none'
