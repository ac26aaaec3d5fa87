MODEL (
  name marts.response_rates,
  kind FULL,
  description 'How many treated patients respond, by indication, instrument, window, definition and estimand. Observed in the registry, uncontrolled: not an effect of treatment. A patient seen at two clinics counts twice.',
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

with definitions as (
  select
    s.indication,
    s.dimension,
    s.level,
    s.instrument,
    s.time_window,
    d.definition,
    d.is_good,
    s.n_eligible,
    s.n_observed,
    @of_definition(d.definition, s, '') as n_met,
    @of_definition(d.definition, s, '_carried') as n_met_carried,
    @of_definition(d.definition, s, '_lasting') as n_met_lasting,
  from intermediate.int_response_stratum as s
  inner join reference.definitions as d
    on s.instrument = d.instrument
),

estimands as (
  select
    d.indication,
    d.instrument,
    d.time_window,
    d.definition,
    e.estimand::varchar as estimand,
    d.dimension,
    d.level,
    case e.estimand
      when 'locf' then d.n_met_carried
      when 'composite' then d.n_met_lasting
      when 'best_case' then d.n_met + d.n_eligible - d.n_observed
      else d.n_met
    end::bigint as numerator,
    case e.estimand when 'observed' then d.n_observed else d.n_eligible end::bigint as denominator,
    d.n_eligible::bigint as n_eligible,
    d.n_observed::bigint as n_observed,
  from definitions as d
  cross join (values
    ('nri'), ('observed'), ('locf'), ('composite'), ('imputed'), ('best_case'), ('worst_case')
  ) as e(estimand)
  where case e.estimand
    -- Being treated again says that relief did not last; it does not say that the patient got worse.
    when 'composite' then d.is_good
    when 'imputed' then d.dimension in ('overall', 'indication')
    else true
  end
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
  case e.estimand when 'imputed' then m.rate else @rate(e.numerator, e.denominator) end as rate,
  case e.estimand when 'imputed' then m.ci_low else @proportion_low(x, e.numerator, e.denominator) end
    as ci_low,
  case e.estimand when 'imputed' then m.ci_high else @proportion_high(x, e.numerator, e.denominator) end
    as ci_high,
  case
    when e.estimand = 'imputed' then case when m.rate is not null then 'rubin_logit' end
    else @proportion_method(e.denominator)
  end::varchar as ci_method,
  e.n_eligible,
  e.n_observed,
  @rate(e.n_observed, e.n_eligible) as coverage,
  false as is_suppressed,
  null::varchar as suppression_reason,
from estimands as e
left join reference.clopper_pearson as x
  on e.numerator = x.numerator and e.denominator = x.denominator
-- With nobody observed there is nothing to impute from.
left join intermediate.int_imputed_rate as m
  on e.estimand = 'imputed'
  and e.n_observed > 0
  and case e.dimension when 'indication' then e.level else e.indication end = m.indication
  and e.instrument = m.instrument
  and e.time_window = m.time_window
  and e.definition = m.definition
