MODEL (
  name intermediate.int_durability_start,
  kind FULL,
  description 'Who durability is about: treated patients with an eligible baseline, and which of them were in response at the end of induction.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    instrument = 'The outcome instrument.',
    baseline_score = 'The baseline.',
    last_induction_day = 'Day of the last induction session, where durability counts from.',
    retreatment_day = 'First session after induction; null when none.',
    death_day = 'Day of death on file; null when none.',
    is_assessed = 'Whether there is an assessment within 14 days after the last induction session.',
    is_evaluable = 'Whether the first of these is in response.'
  ),
  grain (patient_no, instrument),
  audits (
    not_null(columns := (patient_no, instrument, last_induction_day, is_assessed, is_evaluable)),
    unique_combination_of_columns(columns := (patient_no, instrument)),
    forall(criteria := (is_assessed or not is_evaluable))
  )
);

with starts as (
  select
    b.patient_no,
    b.instrument,
    b.baseline_score,
    f.last_induction_day,
    f.retreatment_day,
    f.death_day,
    -- Here and not in the join, which would have to compare every pair of rows.
    case when w.window_day <= coalesce(f.death_day - f.last_induction_day, w.window_day) then w.window_score end
      as first_score,
  from intermediate.int_baseline as b
  inner join intermediate.int_durability_follow_up as f
    on b.patient_no = f.patient_no
  left join intermediate.int_window_score as w
    on b.patient_no = w.patient_no
    and b.instrument = w.instrument
    and w.time_window = 'end_of_induction'
  where b.is_eligible
)

select
  s.patient_no,
  s.instrument,
  s.baseline_score,
  s.last_induction_day,
  s.retreatment_day,
  s.death_day,
  s.first_score is not null as is_assessed,
  coalesce(@reaches(i.response_kind, i.response_threshold, i.better, s.baseline_score, s.first_score), false)
    as is_evaluable,
from starts as s
inner join reference.instruments as i
  on s.instrument = i.instrument
