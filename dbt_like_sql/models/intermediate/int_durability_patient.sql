MODEL (
  name intermediate.int_durability_patient,
  kind FULL,
  description 'How long each patient in response at the end of induction stayed so, under three readings of retreatment. Days count from the last induction session; status is 0 censored, 1 loss of response (or, in composite, retreatment), 2 retreatment, 3 death.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    instrument = 'The outcome instrument; the patient has an eligible baseline on it.',
    is_assessed = 'Whether there is an assessment within 14 days after the last induction session.',
    is_evaluable = 'Whether the first of these is in response. Only evaluable patients have days and status.',
    not_evaluable_reason = 'no_assessment or not_in_response, else null.',
    loss_day = 'Study day of the first assessment at which response is lost; null when it is not.',
    loss_kind = 'confirmed (by the next assessment), confirmed_by_retreatment (within 28 days) or unconfirmed_last (no later assessment).',
    last_in_response_day = 'Study day of the last assessment in response before the loss or the end of follow-up.',
    retreatment_day = 'Study day of the first retreatment.',
    death_day = 'Study day of death.',
    interval_low_days = 'The loss lies after this day.',
    interval_high_days = 'The loss lies on or before this day; null when censored.',
    censored_days = 'Time when retreatment censors at the last assessment before it.',
    censored_status = 'Status when retreatment censors.',
    composite_days = 'Time when retreatment counts as loss.',
    composite_status = 'Status when retreatment counts as loss.',
    competing_days = 'Time when retreatment and death compete with loss.',
    competing_status = 'Status when retreatment and death compete.'
  ),
  grain (patient_no, instrument),
  audits (
    not_null(columns := (patient_no, instrument, is_assessed, is_evaluable)),
    unique_combination_of_columns(columns := (patient_no, instrument)),
    forall(criteria := (
      is_evaluable = (not_evaluable_reason is null),
      is_evaluable = (censored_days is not null),
      censored_days >= 1 and composite_days >= censored_days and competing_days >= composite_days,
      interval_low_days < interval_high_days
    ))
  )
);

select
  s.patient_no,
  s.instrument,
  s.is_assessed,
  s.is_evaluable,
  case when s.is_evaluable then null when s.is_assessed then 'not_in_response' else 'no_assessment' end
    as not_evaluable_reason,
  s.last_induction_day + l.loss_days as loss_day,
  l.loss_kind,
  s.last_induction_day + l.last_response_days as last_in_response_day,
  s.retreatment_day,
  s.death_day,
  l.last_response_days as interval_low_days,
  l.loss_days as interval_high_days,
  l.censored_days,
  l.censored_status,
  l.composite_days,
  l.composite_status,
  l.competing_days,
  l.competing_status,
from intermediate.int_durability_start as s
left join intermediate.int_durability_loss as l
  on s.patient_no = l.patient_no
  and s.instrument = l.instrument
  and l.loss_definition = 'response_lost'
