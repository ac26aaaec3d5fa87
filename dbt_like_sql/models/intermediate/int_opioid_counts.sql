MODEL (
  name intermediate.int_opioid_counts,
  kind FULL,
  description 'What became of opioids, in patients counted by kind, window and definition: falls from a baseline above 0, new starts from a baseline of 0, and days that cannot be converted.',
  column_descriptions (
    patient_kind_no = 'The kind of patient, by the number of int_patient_kind.',
    time_window = 'The window; baseline for what is known before treatment.',
    definition = 'fall_30, fall_50, to_zero, new_start or not_convertible.',
    n_eligible = 'Patients whose baseline fits the definition and whose window is mature.',
    n_observed = 'Those of them with a convertible day in the window.',
    n_met = 'Patients who meet the definition.'
  ),
  grain (patient_kind_no, time_window, definition),
  audits (
    not_null(columns := (patient_kind_no, time_window, definition, n_eligible, n_observed, n_met)),
    unique_combination_of_columns(columns := (patient_kind_no, time_window, definition)),
    forall(criteria := (n_observed <= n_eligible, n_met <= n_observed or definition = 'not_convertible'))
  )
);

-- A fall of 30 % or 50 % and a fall to 0 are what the vocabulary calls response, substantial response and remission.
with falls as (
  select
    r.patient_kind_no,
    r.time_window,
    d.definition,
    r.n_eligible,
    r.n_observed,
    case d.definition
      when 'fall_30' then r.n_response
      when 'fall_50' then r.n_substantial
      when 'to_zero' then r.n_remission
    end as n_met,
  from intermediate.int_response_counts as r
  cross join (values ('fall_30'), ('fall_50'), ('to_zero')) as d(definition)
  where r.instrument = 'mme_per_day'
),

window_score as (
  select s.patient_no, s.time_window, s.window_score,
  from intermediate.int_window_score as s
  where s.instrument = 'mme_per_day'
),

baseline as (
  select b.patient_no, b.baseline_score,
  from intermediate.int_baseline as b
  where b.instrument = 'mme_per_day'
),

new_starts as (
  select
    k.patient_kind_no,
    w.time_window,
    'new_start' as definition,
    count(*) as n_eligible,
    count(s.window_score) as n_observed,
    sum(case when s.window_score > 0 then 1 else 0 end) as n_met,
  from baseline as b
  inner join intermediate.int_patient_window as w
    on b.patient_no = w.patient_no
  inner join intermediate.int_patient_kind as k
    on b.patient_no = k.patient_no
  left join window_score as s
    on w.patient_no = s.patient_no and w.time_window = s.time_window
  where b.baseline_score = 0 and w.is_mature
  group by k.patient_kind_no, w.time_window
),

-- Patients with a day in the window, none of which can be converted.
opaque_windows as (
  select w.patient_no, w.time_window,
  from intermediate.int_opioid_mme as o
  inner join intermediate.int_patient_window as w
    on o.patient_no = w.patient_no and o.study_day between w.window_start_day and w.window_end_day
  group by w.patient_no, w.time_window
  having count(o.mme_per_day) = 0
),

opaque_later as (
  select
    k.patient_kind_no,
    w.time_window,
    'not_convertible' as definition,
    count(*) as n_eligible,
    count(s.window_score) as n_observed,
    -- A clinic that sends the total itself has converted it.
    sum(case when o.patient_no is not null and s.patient_no is null then 1 else 0 end) as n_met,
  from baseline as b
  inner join intermediate.int_patient_window as w
    on b.patient_no = w.patient_no
  inner join intermediate.int_patient_kind as k
    on b.patient_no = k.patient_no
  left join opaque_windows as o
    on w.patient_no = o.patient_no and w.time_window = o.time_window
  left join window_score as s
    on w.patient_no = s.patient_no and w.time_window = s.time_window
  where b.baseline_score > 0 and w.is_mature
  group by k.patient_kind_no, w.time_window
),

before as (
  select c.patient_no, count(o.mme_per_day) as n_convertible,
  from intermediate.int_opioid_mme as o
  inner join intermediate.int_cohort as c
    on o.patient_no = c.patient_no
  where o.study_day - c.course_start_day between -@baseline_days and 0
  group by c.patient_no
),

opaque_before as (
  select
    k.patient_kind_no,
    'baseline' as time_window,
    'not_convertible' as definition,
    count(*) as n_eligible,
    sum(case when b.n_convertible > 0 then 1 else 0 end) as n_observed,
    sum(case when b.n_convertible = 0 then 1 else 0 end) as n_met,
  from before as b
  inner join intermediate.int_patient_kind as k
    on b.patient_no = k.patient_no
  group by k.patient_kind_no
),

counts as (
  select f.patient_kind_no, f.time_window, f.definition, f.n_eligible, f.n_observed, f.n_met,
  from falls as f
  union all
  select n.patient_kind_no, n.time_window, n.definition, n.n_eligible, n.n_observed, n.n_met,
  from new_starts as n
  union all
  select o.patient_kind_no, o.time_window, o.definition, o.n_eligible, o.n_observed, o.n_met,
  from opaque_later as o
  union all
  select b.patient_kind_no, b.time_window, b.definition, b.n_eligible, b.n_observed, b.n_met,
  from opaque_before as b
)

select
  c.patient_kind_no,
  c.time_window::varchar as time_window,
  c.definition::varchar as definition,
  c.n_eligible::bigint as n_eligible,
  c.n_observed::bigint as n_observed,
  c.n_met::bigint as n_met,
from counts as c
