MODEL (
  name intermediate.int_case_mix,
  kind FULL,
  description 'Whom each clinic treats: eligible patients and responders of mature windows by what response is known to vary with. A stratum is indication, severity of the baseline and route.',
  column_descriptions (
    instrument = 'The outcome instrument.',
    time_window = 'The window.',
    estimand = 'nri or observed, as in marts.response_rates.',
    clinic_id = 'The clinic.',
    stratum = 'indication/severity/route. Severity is worse when the baseline lies in the worse half of the scores that an eligible patient may have, else milder.',
    numerator = 'Patients in response.',
    denominator = 'Patients who could be.',
    n_eligible = 'Eligible patients.',
    n_observed = 'Those of them with a score in the window.'
  ),
  grain (instrument, time_window, estimand, clinic_id, stratum),
  audits (
    not_null(columns := (instrument, time_window, estimand, clinic_id, stratum, numerator, denominator)),
    unique_combination_of_columns(columns := (instrument, time_window, estimand, clinic_id, stratum)),
    forall(criteria := (numerator between 0 and denominator, n_observed <= n_eligible))
  )
);

-- Halfway between the mildest baseline that is eligible and the worst score there is.
with instruments as (
  select
    i.instrument,
    i.better = 'higher' as is_higher_better,
    case
      when i.better = 'higher' then coalesce(i.baseline_floor, i.max_score) + i.min_score
      else coalesce(i.baseline_floor, i.min_score) + i.max_score
    end as twice_severe_from,
  from reference.instruments as i
),

responses as (
  select
    r.patient_no,
    r.instrument,
    r.time_window,
    r.is_observed,
    r.is_response,
    case
      when i.is_higher_better then 2 * r.baseline_score <= i.twice_severe_from
      else 2 * r.baseline_score >= i.twice_severe_from
    end as is_worse,
  from intermediate.int_response as r
  inner join instruments as i
    on r.instrument = i.instrument
  where r.is_mature
),

counts as (
  select
    k.clinic_id,
    k.indication_code,
    k.route_code,
    r.is_worse,
    r.instrument,
    r.time_window,
    count(*) as n_eligible,
    sum(case when r.is_observed then 1 else 0 end)::bigint as n_observed,
    sum(case when r.is_response then 1 else 0 end)::bigint as n_response,
  from responses as r
  inner join intermediate.int_patient_kind as k
    on r.patient_no = k.patient_no
  group by k.clinic_id, k.indication_code, k.route_code, r.is_worse, r.instrument, r.time_window
)

select
  c.instrument,
  c.time_window,
  e.estimand::varchar as estimand,
  c.clinic_id,
  concat(c.indication_code, '/', case when c.is_worse then 'worse' else 'milder' end, '/', c.route_code) as stratum,
  c.n_response as numerator,
  case e.estimand when 'observed' then c.n_observed else c.n_eligible end as denominator,
  c.n_eligible,
  c.n_observed,
from counts as c
cross join (values ('nri'), ('observed')) as e(estimand)
