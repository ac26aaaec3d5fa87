MODEL (
  name intermediate.int_double_response_counts,
  kind FULL,
  description 'Patients eligible on an instrument of pain and on one of mood, whose window is mature, counted by kind, by what they meet on both.',
  column_descriptions (
    patient_kind_no = 'The kind of patient, by the number of int_patient_kind.',
    pain_instrument = 'The instrument of pain: domain pain in reference.instruments, response at 30 %.',
    mood_instrument = 'The instrument of mood: domain mood, response at 50 %.',
    time_window = 'The window.',
    n_eligible = 'Patients eligible on both.',
    n_observed = 'Those of them with a score on both in the window.',
    n_pain = 'Observed patients in response on pain.',
    n_mood = 'Observed patients in response on mood.',
    n_both = 'Observed patients in response on both.'
  ),
  grain (patient_kind_no, pain_instrument, mood_instrument, time_window),
  audits (
    not_null(columns := (patient_kind_no, pain_instrument, mood_instrument, time_window, n_eligible, n_both)),
    unique_combination_of_columns(columns := (patient_kind_no, pain_instrument, mood_instrument, time_window)),
    forall(criteria := (n_observed <= n_eligible, n_both <= least(n_pain, n_mood), greatest(n_pain, n_mood) <= n_observed))
  )
);

with instruments as (
  select n.instrument_no, i.instrument, i.domain,
  from intermediate.int_instrument as n
  inner join reference.instruments as i
    on n.instrument = i.instrument
  where
    i.response_kind = 'percent'
    and i.response_threshold = case i.domain when 'pain' then 30 when 'mood' then 50 end
),

responses as (
  select r.patient_no, r.instrument_no, i.domain, r.window_no, r.window_score is not null as is_observed, r.is_response,
  from intermediate.int_course_response as r
  inner join instruments as i
    on r.instrument_no = i.instrument_no
  where r.course_no = 1 and r.is_eligible and r.is_mature
),

counts as (
  select
    k.patient_kind_no,
    p.instrument_no as pain_instrument_no,
    m.instrument_no as mood_instrument_no,
    p.window_no,
    count(*) as n_eligible,
    count(case when p.is_observed and m.is_observed then 1 end) as n_observed,
    count(case when p.is_response and m.is_observed then 1 end) as n_pain,
    count(case when m.is_response and p.is_observed then 1 end) as n_mood,
    count(case when p.is_response and m.is_response then 1 end) as n_both,
  from responses as p
  inner join responses as m
    on p.patient_no = m.patient_no and p.window_no = m.window_no
  inner join intermediate.int_patient_kind as k
    on p.patient_no = k.patient_no
  where p.domain = 'pain' and m.domain = 'mood'
  group by k.patient_kind_no, p.instrument_no, m.instrument_no, p.window_no
)

select
  c.patient_kind_no,
  p.instrument as pain_instrument,
  m.instrument as mood_instrument,
  w.time_window,
  c.n_eligible,
  c.n_observed,
  c.n_pain,
  c.n_mood,
  c.n_both,
from counts as c
inner join instruments as p
  on c.pain_instrument_no = p.instrument_no
inner join instruments as m
  on c.mood_instrument_no = m.instrument_no
inner join reference.time_windows as w
  on c.window_no = w.position
