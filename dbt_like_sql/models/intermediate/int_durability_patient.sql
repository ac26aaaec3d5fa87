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

with judged as (
  select
    a.patient_no,
    a.instrument,
    a.days,
    a.position,
    a.is_in_response,
    a.last_response_days,
    case
      when a.is_in_response then null
      when not a.is_next_in_response then 'confirmed'
      when f.retreatment_day - f.last_induction_day - a.days <= 28 then 'confirmed_by_retreatment'
      when a.is_next_in_response is null then 'unconfirmed_last'
    end as loss_kind,
  from intermediate.int_durability_assessment as a
  inner join intermediate.int_durability_follow_up as f
    on a.patient_no = f.patient_no
),

summarised as (
  select
    j.patient_no,
    j.instrument,
    bool_or(j.position = 1 and j.days <= 14) as is_assessed,
    bool_or(j.position = 1 and j.days <= 14 and j.is_in_response) as is_evaluable,
    max(j.days) as last_days,
    max(j.last_response_days) as last_response_days,
    -- The last day in response never falls as days go by, so the least belongs to the first loss.
    min(case when j.loss_kind is not null then j.last_response_days end) as last_response_days_before_loss,
    min(case when j.loss_kind is not null then j.days end) as loss_days,
    min(case when j.loss_kind = 'confirmed' then j.days end) as confirmed_days,
    min(case when j.loss_kind = 'confirmed_by_retreatment' then j.days end) as retreated_days,
  from judged as j
  group by j.patient_no, j.instrument
),

followed as (
  select
    b.patient_no,
    b.instrument,
    f.last_induction_day,
    f.retreatment_day,
    f.death_day,
    coalesce(s.is_assessed, false) as is_assessed,
    coalesce(s.is_evaluable, false) as is_evaluable,
    s.last_days,
    s.loss_days,
    coalesce(s.last_response_days_before_loss, s.last_response_days) as last_response_days,
    case
      when s.loss_days is null then null
      when s.loss_days = s.confirmed_days then 'confirmed'
      when s.loss_days = s.retreated_days then 'confirmed_by_retreatment'
      else 'unconfirmed_last'
    end as loss_kind,
    -- After 56 days without an assessment nobody knows whether response had been lost before.
    case when f.retreatment_day - f.last_induction_day - s.last_days <= 56
      then f.retreatment_day - f.last_induction_day
    end as retreatment_days,
    case when f.death_day - f.last_induction_day - s.last_days <= 56
      then f.death_day - f.last_induction_day
    end as death_days,
  from intermediate.int_baseline as b
  inner join intermediate.int_durability_follow_up as f
    on b.patient_no = f.patient_no
  left join summarised as s
    on b.patient_no = s.patient_no and b.instrument = s.instrument
  where b.is_eligible
)

select
  f.patient_no,
  f.instrument,
  f.is_assessed,
  f.is_evaluable,
  case when f.is_evaluable then null when f.is_assessed then 'not_in_response' else 'no_assessment' end
    as not_evaluable_reason,
  case when f.is_evaluable then f.last_induction_day + f.loss_days end as loss_day,
  case when f.is_evaluable then f.loss_kind end as loss_kind,
  case when f.is_evaluable then f.last_induction_day + f.last_response_days end as last_in_response_day,
  f.retreatment_day,
  f.death_day,
  case when f.is_evaluable then f.last_response_days end as interval_low_days,
  case when f.is_evaluable then f.loss_days end as interval_high_days,
  case when f.is_evaluable then coalesce(f.loss_days, f.last_days) end as censored_days,
  case when f.is_evaluable then case when f.loss_days is null then 0 else 1 end end as censored_status,
  case when f.is_evaluable then coalesce(f.loss_days, f.retreatment_days, f.last_days) end as composite_days,
  case when f.is_evaluable then
    case when f.loss_days is null and f.retreatment_days is null then 0 else 1 end
  end as composite_status,
  case when f.is_evaluable then coalesce(f.loss_days, f.retreatment_days, f.death_days, f.last_days) end
    as competing_days,
  case when f.is_evaluable then
    case
      when f.loss_days is not null then 1
      when f.retreatment_days is not null then 2
      when f.death_days is not null then 3
      else 0
    end
  end as competing_status,
from followed as f
