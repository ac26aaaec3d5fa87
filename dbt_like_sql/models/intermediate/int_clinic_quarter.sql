MODEL (
  name intermediate.int_clinic_quarter,
  kind FULL,
  description 'Patients of each clinic by quarter of their own study time: of those with a score how many were in response at the last one, of those asked about adverse events how many had any.',
  column_descriptions (
    indicator = 'in_response or adverse_event.',
    instrument = 'The outcome instrument; all for adverse events.',
    clinic_id = 'The clinic.',
    quarter = 'Quarter of study time, from 1: study days 0 to 90, 91 to 181, and so on.',
    numerator = 'Patients whose last score of the quarter is a response to the first induction course; patients with an adverse event noted at a session of the quarter that has a complete form.',
    denominator = 'Patients with an eligible baseline and a score in the quarter, after the start of the course; patients with a session in the quarter that has a complete form.'
  ),
  grain (indicator, instrument, clinic_id, quarter),
  audits (
    not_null(columns := (indicator, instrument, clinic_id, quarter, numerator, denominator)),
    unique_combination_of_columns(columns := (indicator, instrument, clinic_id, quarter)),
    forall(criteria := (numerator between 0 and denominator, quarter >= 1))
  )
);

with last_scores as (
  select
    d.patient_no,
    d.instrument_no,
    @quarter_of(d.study_day) as quarter,
    max(d.study_day) as last_day,
    max_by(d.outcome_score, d.study_day)::decimal(14, 8) as score,
  from intermediate.int_score_day as d
  where d.outcome_score is not null and d.study_day >= 0
  group by d.patient_no, d.instrument_no, @quarter_of(d.study_day)
),

-- A quarter whose last score is not after the start of the course has none that is.
responses as (
  select
    s.patient_no,
    s.instrument_no,
    s.quarter,
    @reaches(i.response_kind, i.response_threshold, i.better, b.baseline_score, s.score) as is_met,
  from last_scores as s
  inner join intermediate.int_course_baseline as b
    on s.patient_no = b.patient_no and s.instrument_no = b.instrument_no
  inner join intermediate.int_cohort as c
    on s.patient_no = c.patient_no
  inner join intermediate.int_instrument as n
    on s.instrument_no = n.instrument_no
  inner join reference.instruments as i
    on n.instrument = i.instrument
  where b.course_no = 1 and b.is_eligible and s.last_day > c.course_start_day
),

complete_kinds as (
  select c.session_kind_no,
  from intermediate.int_ae_cell as c
  where c.dimension = 'overall' and c.ascertainment = 'complete'
),

-- An event counts in the quarter of its session, whenever it began.
asked as (
  select s.patient_no, s.study_day, 0 as n_events,
  from intermediate.int_session as s
  inner join complete_kinds as k
    on s.session_kind_no = k.session_kind_no
  union all
  select o.patient_no, o.session_day as study_day, o.n_events,
  from intermediate.int_ae_occurrence as o
  inner join complete_kinds as k
    on o.kind_no = k.session_kind_no
  where o.term_no = 0
),

patients as (
  select r.patient_no, r.instrument_no, r.quarter, r.is_met,
  from responses as r
  union all
  select
    a.patient_no,
    0 as instrument_no,
    @quarter_of(a.study_day) as quarter,
    max(a.n_events) > 0 as is_met,
  from asked as a
  group by a.patient_no, @quarter_of(a.study_day)
),

counts as (
  select
    p.instrument_no,
    c.clinic_id,
    p.quarter,
    count(case when p.is_met then 1 end) as numerator,
    count(*) as denominator,
  from patients as p
  inner join intermediate.int_consented_patient as c
    on p.patient_no = c.patient_no
  group by p.instrument_no, c.clinic_id, p.quarter
)

select
  (case when c.instrument_no = 0 then 'adverse_event' else 'in_response' end)::varchar as indicator,
  coalesce(n.instrument, 'all')::varchar as instrument,
  c.clinic_id,
  c.quarter,
  c.numerator,
  c.denominator,
from counts as c
left join intermediate.int_instrument as n
  on c.instrument_no = n.instrument_no
