MODEL (
  name intermediate.int_suicidality,
  kind VIEW,
  description 'Treated patients with a baseline of suicidal ideation (C-SSRS, 0 to 5), by mature window: the score then, and whether a suicide attempt was noted by its end. No floor: whoever starts at 0 can still get worse.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    time_window = 'The window.',
    baseline_score = 'Ideation at baseline.',
    window_score = 'Ideation in the window, null when there is no score.',
    has_attempt = 'Whether a suicide attempt was noted from the first session up to the end of the window.'
  ),
  grain (patient_no, time_window)
);

with attempts as (
  select e.patient_no, e.first_onset_day,
  from intermediate.int_safety_event as e
  where e.signal = 'suicidality' and e.ae_term = 'suicide_attempt'
),

scores as (
  select s.patient_no, s.time_window, s.window_score,
  from intermediate.int_window_score as s
  where s.instrument = 'cssrs_ideation'
)

select
  b.patient_no,
  w.time_window,
  b.baseline_score,
  s.window_score,
  coalesce(a.first_onset_day <= w.window_end_day, false) as has_attempt,
from intermediate.int_baseline as b
inner join intermediate.int_patient_window as w
  on b.patient_no = w.patient_no
left join scores as s
  on w.patient_no = s.patient_no and w.time_window = s.time_window
left join attempts as a
  on b.patient_no = a.patient_no
where b.instrument = 'cssrs_ideation' and w.is_mature
