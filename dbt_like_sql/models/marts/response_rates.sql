MODEL (
  name marts.response_rates,
  kind FULL,
  description 'How many treated patients respond, by indication, instrument, window, definition and estimand. Observed in the registry, uncontrolled: not an effect of treatment. A patient seen at two clinics counts twice.',
  column_descriptions (
    indication = 'Diagnosis that the course is for, or all.',
    instrument = 'The outcome instrument.',
    time_window = 'The window in which the score was read.',
    definition = 'response, substantial, remission or deterioration, as the instrument defines it.',
    estimand = 'How missing scores count: nri as not meeting the definition (primary), observed not at all, locf by the last valid score, worst_case and best_case all as not meeting or all as meeting it.',
    dimension = 'What level is a level of: overall, clinic, indication, route, setting, place, hour, dose, cumulative_dose, age_group, psychotherapy or rehabilitation.',
    level = 'The level; all when dimension is overall.',
    numerator = 'Patients who meet the definition under the estimand.',
    denominator = 'Patients who could have: the observed ones for observed, else all eligible ones.',
    rate = 'Numerator over denominator; null when the denominator is 0.',
    ci_low = 'Lower limit of the 95 % interval.',
    ci_high = 'Upper limit of the 95 % interval.',
    ci_method = 'wilson, or clopper_pearson when the denominator is below 20; null when it is 0.',
    n_eligible = 'Patients with an eligible baseline whose window is mature.',
    n_observed = 'Those of them with a valid score in the window.',
    coverage = 'n_observed over n_eligible; below 0.6 the observed estimand misleads.',
    is_suppressed = 'Whether the figures are hidden; the release decides.',
    suppression_reason = 'Why they are hidden.'
  ),
  grain (indication, instrument, time_window, definition, estimand, dimension, level),
  audits (
    not_null(columns := (indication, instrument, time_window, definition, estimand, dimension, level)),
    not_null(columns := (numerator, denominator, n_eligible, n_observed)),
    unique_combination_of_columns(
      columns := (indication, instrument, time_window, definition, estimand, dimension, level)
    ),
    forall(criteria := (numerator between 0 and denominator, ci_low <= rate, rate <= ci_high))
  )
);

with strata as (
  @expand_strata(
    intermediate.int_response_counts,
    [instrument, time_window],
    [
      n_eligible, n_observed,
      n_response, n_substantial, n_remission, n_deterioration,
      n_response_carried, n_substantial_carried, n_remission_carried, n_deterioration_carried
    ]
  )
),

definitions as (
  select
    s.indication,
    s.dimension,
    s.level,
    s.instrument,
    s.time_window,
    d.definition,
    s.n_eligible,
    s.n_observed,
    case d.definition
      when 'response' then s.n_response
      when 'substantial' then s.n_substantial
      when 'remission' then s.n_remission
      when 'deterioration' then s.n_deterioration
    end as n_met,
    case d.definition
      when 'response' then s.n_response_carried
      when 'substantial' then s.n_substantial_carried
      when 'remission' then s.n_remission_carried
      when 'deterioration' then s.n_deterioration_carried
    end as n_met_carried,
  from strata as s
  cross join (values ('response'), ('substantial'), ('remission'), ('deterioration')) as d(definition)
  inner join reference.instruments as i
    on s.instrument = i.instrument
  -- An instrument without such a threshold has no row, rather than a rate of 0.
  where case d.definition
    when 'response' then i.response_threshold is not null
    when 'substantial' then i.substantial_threshold is not null
    when 'remission' then i.remission_score is not null
    when 'deterioration' then i.deterioration_points is not null
  end
),

estimands as (
  select
    d.indication,
    d.instrument,
    d.time_window,
    d.definition,
    e.estimand,
    d.dimension,
    d.level,
    case e.estimand
      when 'locf' then d.n_met_carried
      when 'best_case' then d.n_met + d.n_eligible - d.n_observed
      else d.n_met
    end::bigint as numerator,
    case e.estimand when 'observed' then d.n_observed else d.n_eligible end::bigint as denominator,
    d.n_eligible::bigint as n_eligible,
    d.n_observed::bigint as n_observed,
  from definitions as d
  cross join (values ('nri'), ('observed'), ('locf'), ('best_case'), ('worst_case')) as e(estimand)
)

select
  e.indication,
  e.instrument,
  e.time_window,
  e.definition,
  e.estimand,
  e.dimension,
  e.level,
  e.numerator,
  e.denominator,
  @rate(e.numerator, e.denominator) as rate,
  coalesce(x.ci_low, @wilson_low(e.numerator, e.denominator)) as ci_low,
  coalesce(x.ci_high, @wilson_high(e.numerator, e.denominator)) as ci_high,
  case
    when e.denominator = 0 then null
    when e.denominator < @exact_below then 'clopper_pearson'
    else 'wilson'
  end::varchar as ci_method,
  e.n_eligible,
  e.n_observed,
  @rate(e.n_observed, e.n_eligible) as coverage,
  false as is_suppressed,
  null::varchar as suppression_reason,
from estimands as e
left join reference.clopper_pearson as x
  on e.numerator = x.numerator and e.denominator = x.denominator
