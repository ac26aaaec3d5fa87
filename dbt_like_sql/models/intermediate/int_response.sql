MODEL (
  name intermediate.int_response,
  kind VIEW,
  description 'Every patient with an eligible baseline, instrument and window of the first course, from int_course_response.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    instrument = 'The outcome instrument.',
    time_window = 'The window.',
    is_mature = 'Whether data could have been recorded up to the end of the window; if not the patient is in no denominator.',
    is_observed = 'Whether there is a score in the window.',
    is_retreated = 'Whether a session after induction came before the window score, or up to the end of the window.',
    baseline_score = 'The baseline.',
    window_score = 'The score in the window, null when there is none.',
    carried_score = 'The score in the window, else the last valid one before it, else the baseline.',
    is_response = 'Whether the window score is a response; null when not observed.',
    is_substantial = 'Whether it is a substantial response; null when not observed or not defined.',
    is_remission = 'Whether it is a remission; null when not observed or not defined.',
    is_remission_strict = 'Whether it is a remission by the stricter cut; null when not observed or not defined.',
    is_deterioration = 'Whether it is a deterioration; null when not observed or not defined.',
    is_response_carried = 'Whether the carried score is a response.'
  ),
  grain (patient_no, instrument, time_window)
);

with responses as (
  select r.*, i.instrument, w.time_window, coalesce(r.window_score, r.score_before) as carried_score,
  from intermediate.int_course_response as r
  inner join intermediate.int_instrument as i
    on r.instrument_no = i.instrument_no
  inner join reference.time_windows as w
    on r.window_no = w.position
  where r.course_no = 1 and r.is_eligible
)

select
  r.patient_no,
  r.instrument,
  r.time_window,
  r.is_mature,
  r.window_score is not null as is_observed,
  r.is_retreated,
  r.baseline_score,
  r.window_score,
  r.carried_score,
  r.is_response,
  r.is_substantial,
  r.is_remission,
  r.is_remission_strict,
  r.is_deterioration,
  @reaches(i.response_kind, i.response_threshold, i.better, r.baseline_score, r.carried_score) as is_response_carried,
from responses as r
inner join reference.instruments as i
  on r.instrument = i.instrument
