MODEL (
  name intermediate.int_durability_loss,
  kind VIEW,
  description 'When evaluable patients lost response, by what counts as loss, and how long they kept it under three readings of retreatment. Days count from the last induction session; status is 0 censored, 1 loss of response (or, in composite, retreatment), 2 retreatment, 3 death.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    instrument = 'The outcome instrument.',
    loss_definition = 'response_lost (primary), unconfirmed_censored (a loss that nothing confirms ends follow-up) or relapse (of depression; PHQ-9 only).',
    loss_days = 'Days to the first assessment that is out of response, or a relapse, and counts; null when there is none.',
    loss_kind = 'confirmed (by the next assessment), confirmed_by_retreatment (within 28 days) or unconfirmed_last (no later assessment).',
    last_response_days = 'Days to the last assessment in response before the loss or the end of follow-up.',
    censored_days = 'Time when retreatment censors at the last assessment before it.',
    censored_status = 'Status when retreatment censors.',
    composite_days = 'Time when retreatment counts as loss.',
    composite_status = 'Status when retreatment counts as loss.',
    competing_days = 'Time when retreatment and death compete with loss.',
    competing_status = 'Status when retreatment and death compete.'
  ),
  grain (patient_no, instrument, loss_definition)
);

with definitions as (
  select d.loss_definition::varchar as loss_definition,
  from (values ('response_lost'), ('unconfirmed_censored'), ('relapse')) as d(loss_definition)
),

seen as (
  select
    a.patient_no,
    a.instrument,
    d.loss_definition,
    a.days,
    a.last_response_days,
    case when d.loss_definition = 'relapse' then a.is_relapse else not a.is_in_response end as is_out,
    case when d.loss_definition = 'relapse' then a.is_next_relapse else not a.is_next_in_response end as is_next_out,
  from intermediate.int_durability_assessment as a
  cross join definitions as d
  where d.loss_definition <> 'relapse' or a.is_relapse is not null
),

judged as (
  select
    s.patient_no,
    s.instrument,
    s.loss_definition,
    s.days,
    s.last_response_days,
    case
      when not s.is_out then null
      when s.is_next_out then 'confirmed'
      when f.retreatment_day - f.last_induction_day - s.days <= 28 then 'confirmed_by_retreatment'
      when s.is_next_out is null then 'unconfirmed_last'
    end as loss_kind,
  from seen as s
  inner join intermediate.int_durability_follow_up as f
    on s.patient_no = f.patient_no
),

summarised as (
  select
    j.patient_no,
    j.instrument,
    j.loss_definition,
    max(j.days) as last_days,
    max(j.last_response_days) as last_response_days,
    -- The last day in response never falls as days go by, so the least belongs to the first loss.
    min(case when j.loss_kind is not null then j.last_response_days end) as last_response_days_before_loss,
    min(case when j.loss_kind is not null then j.days end) as loss_days,
    min(case when j.loss_kind = 'confirmed' then j.days end) as confirmed_days,
    min(case when j.loss_kind = 'confirmed_by_retreatment' then j.days end) as retreated_days,
  from judged as j
  group by j.patient_no, j.instrument, j.loss_definition
),

followed as (
  select
    s.patient_no,
    s.instrument,
    s.loss_definition,
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
  from summarised as s
  inner join intermediate.int_durability_follow_up as f
    on s.patient_no = f.patient_no
),

counted as (
  select
    f.patient_no,
    f.instrument,
    f.loss_definition,
    f.last_days,
    f.loss_days,
    f.last_response_days,
    f.loss_kind,
    f.retreatment_days,
    f.death_days,
    case
      when f.loss_days is null then null
      when f.loss_definition = 'unconfirmed_censored' and f.loss_kind = 'unconfirmed_last' then 0
      else 1
    end as loss_status,
  from followed as f
)

select
  c.patient_no,
  c.instrument,
  c.loss_definition,
  c.loss_days,
  c.loss_kind,
  c.last_response_days,
  coalesce(c.loss_days, c.last_days) as censored_days,
  coalesce(c.loss_status, 0) as censored_status,
  coalesce(c.loss_days, c.retreatment_days, c.last_days) as composite_days,
  coalesce(c.loss_status, case when c.retreatment_days is null then 0 else 1 end) as composite_status,
  coalesce(c.loss_days, c.retreatment_days, c.death_days, c.last_days) as competing_days,
  coalesce(
    c.loss_status,
    case when c.retreatment_days is not null then 2 when c.death_days is not null then 3 else 0 end
  ) as competing_status,
from counted as c
