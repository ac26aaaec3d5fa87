MODEL (
  name intermediate.int_durability_sensitivity,
  kind FULL,
  description 'Life tables of response by what counts as its loss, of all patients and of each indication.',
  column_descriptions (
    indication = 'all, or the diagnosis that the course was for.',
    instrument = 'The outcome instrument.',
    estimand = 'What retreatment means: censor_at_retreatment, composite or competing.',
    loss_definition = 'response_lost, unconfirmed_censored or relapse.',
    time_days = 'Days since the last induction session.',
    n_event = 'Patients with the event of interest on the day.',
    n_competing = 'Patients with a competing event on the day; only in competing.',
    n_censored = 'Patients last seen on the day without an event.'
  ),
  grain (indication, instrument, estimand, loss_definition, time_days),
  audits (
    not_null(columns := (indication, instrument, estimand, loss_definition, time_days)),
    unique_combination_of_columns(columns := (indication, instrument, estimand, loss_definition, time_days)),
    forall(criteria := (time_days >= 1, n_event + n_competing + n_censored >= 1))
  )
);

with readings as (
  select
    s.indication,
    r.instrument,
    r.estimand,
    l.loss_definition,
    case r.estimand
      when 'composite' then l.composite_days
      when 'competing' then l.competing_days
      else l.censored_days
    end as time_days,
    case r.estimand
      when 'composite' then l.composite_status
      when 'competing' then l.competing_status
      else l.censored_status
    end as status,
  from intermediate.int_durability_loss as l
  inner join intermediate.int_patient_kind as k
    on l.patient_no = k.patient_no
  inner join intermediate.int_patient_stratum as s
    on k.patient_kind_no = s.patient_kind_no
  inner join intermediate.int_durability_reading as r
    on l.instrument = r.instrument
  where s.dimension = 'overall'
)

select
  r.indication,
  r.instrument,
  r.estimand,
  r.loss_definition,
  r.time_days,
  sum(case when r.status = 1 then 1 else 0 end)::integer as n_event,
  sum(case when r.status > 1 then 1 else 0 end)::integer as n_competing,
  sum(case when r.status = 0 then 1 else 0 end)::integer as n_censored,
from readings as r
group by r.indication, r.instrument, r.estimand, r.loss_definition, r.time_days
