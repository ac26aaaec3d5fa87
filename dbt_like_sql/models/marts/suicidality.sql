MODEL (
  name marts.suicidality,
  kind FULL,
  description 'How suicidal ideation moved from baseline, and who newly had severe ideation or an attempt, by window. Observed in registry, uncontrolled. The registry is not a reporting route.',
  grain (indication, time_window, definition, dimension, level),
  audits (
    not_null(columns := (indication, time_window, definition, dimension, level, numerator, denominator, n_eligible)),
    unique_combination_of_columns(columns := (indication, time_window, definition, dimension, level)),
    forall(criteria := (
      numerator <= denominator,
      denominator <= n_eligible,
      n_rest >= 0,
      ci_low <= rate,
      rate <= ci_high
    ))
  )
);

with patients as (
  select
    k.patient_kind_no,
    s.time_window,
    s.baseline_score >= 1 as has_ideation,
    s.baseline_score < 4 as is_below_severe,
    s.window_score is not null as is_observed,
    s.baseline_score - s.window_score >= 1 as is_improved,
    s.window_score = 0 as is_zero,
    s.window_score - s.baseline_score >= 1 as is_worsened,
    s.window_score >= 4 or s.has_attempt as is_severe,
  from intermediate.int_suicidality as s
  inner join intermediate.int_patient_kind as k
    on s.patient_no = k.patient_no
),

definitions as (
  select d.definition::varchar as definition,
  from (values ('improved'), ('to_zero'), ('worsened'), ('new_severe')) as d(definition)
),

met as (
  select
    p.patient_kind_no,
    p.time_window,
    d.definition,
    p.is_observed,
    case d.definition
      when 'improved' then p.is_improved
      when 'to_zero' then p.is_zero
      when 'worsened' then p.is_worsened
      when 'new_severe' then p.is_severe
    end as is_met,
    case d.definition
      when 'to_zero' then p.is_improved and not p.is_zero
      when 'worsened' then not p.is_worsened and not p.is_improved
    end as is_milder,
  from patients as p
  cross join definitions as d
  where case d.definition
    when 'improved' then p.has_ideation
    when 'to_zero' then p.has_ideation
    when 'worsened' then true
    when 'new_severe' then p.is_below_severe
  end
),

counts as (
  select
    m.patient_kind_no,
    m.time_window,
    m.definition,
    count(*) as n_eligible,
    sum(case when m.is_observed then 1 else 0 end) as denominator,
    sum(case when m.is_observed and m.is_met then 1 else 0 end) as numerator,
    sum(case when m.is_observed and m.is_milder then 1 else 0 end) as n_milder,
  from met as m
  group by m.patient_kind_no, m.time_window, m.definition
),

strata as (
  @expand_strata(counts, [time_window, definition], [n_eligible, denominator, numerator, n_milder])
)

select
  s.indication,
  s.time_window,
  s.definition,
  s.dimension,
  s.level,
  s.numerator::bigint as numerator,
  s.denominator::bigint as denominator,
  @rate(s.numerator, s.denominator) as rate,
  @proportion_low(x, s.numerator, s.denominator) as ci_low,
  @proportion_high(x, s.numerator, s.denominator) as ci_high,
  @proportion_method(s.denominator)::varchar as ci_method,
  case when s.definition in ('to_zero', 'worsened') then s.n_milder end::bigint as n_milder,
  case when s.definition in ('to_zero', 'worsened') then s.denominator - s.numerator - s.n_milder end::bigint as n_rest,
  s.n_eligible::bigint as n_eligible,
  @rate(s.denominator, s.n_eligible) as coverage,
  false as is_suppressed,
  null::varchar as suppression_reason,
from strata as s
left join reference.clopper_pearson as x
  on s.numerator = x.numerator and s.denominator = x.denominator
