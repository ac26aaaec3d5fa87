MODEL (
  name marts.durability_of_relief,
  kind FULL,
  description 'How long patients in response at the end of induction stay so. Observed in registry, uncontrolled, and conditional on having responded.',
  column_descriptions (
    indication = 'all, or the diagnosis that the course was for.',
    instrument = 'The outcome instrument that response is measured with.',
    estimand = 'What retreatment means. censor_at_retreatment: follow-up ends (informative). composite: it counts as loss. competing: it rules loss out, as death does (primary where boosters are scheduled).',
    dimension = 'overall, clinic, indication, route, setting, place, hour, dose, cumulative_dose, age_group, psychotherapy or rehabilitation.',
    level = 'The level of that dimension; all when it is overall.',
    numerator = 'Responders who lost response during follow-up (in composite, or were retreated).',
    denominator = 'Patients in response at the end of induction.',
    rate = 'Probability of having lost response by landmark_day: 1 - survival, not numerator / denominator, because follow-up differs.',
    ci_low = 'Lower limit of the 95 % interval of rate.',
    ci_high = 'Upper limit of the 95 % interval of rate.',
    ci_method = 'greenwood_log_log (Kaplan-Meier) or delta_log_log (Aalen-Johansen, in competing).',
    landmark_day = 'Days after the last induction session that rate is for: the last of 28, 56, 84 and 182 with at least 11 patients at risk.',
    median_days = 'First day by which half have lost response; null when not reached.',
    median_ci_low = 'Lower limit of the 95 % interval of the median.',
    median_ci_high = 'Upper limit of the 95 % interval of the median; null when not reached.',
    survival_28d = 'Probability of not having lost response 28 days after the last induction session; null with fewer than 11 patients at risk.',
    survival_28d_ci_low = 'Lower limit of the 95 % interval of survival_28d.',
    survival_28d_ci_high = 'Upper limit of the 95 % interval of survival_28d.',
    survival_56d = 'Probability of not having lost response 56 days after the last induction session; null with fewer than 11 patients at risk.',
    survival_56d_ci_low = 'Lower limit of the 95 % interval of survival_56d.',
    survival_56d_ci_high = 'Upper limit of the 95 % interval of survival_56d.',
    survival_84d = 'Probability of not having lost response 84 days after the last induction session; null with fewer than 11 patients at risk.',
    survival_84d_ci_low = 'Lower limit of the 95 % interval of survival_84d.',
    survival_84d_ci_high = 'Upper limit of the 95 % interval of survival_84d.',
    survival_182d = 'Probability of not having lost response 182 days after the last induction session; null with fewer than 11 patients at risk.',
    survival_182d_ci_low = 'Lower limit of the 95 % interval of survival_182d.',
    survival_182d_ci_high = 'Upper limit of the 95 % interval of survival_182d.',
    n_treated = 'Treated patients with an eligible baseline on the instrument. A patient seen at two clinics counts twice.',
    n_assessed = 'Of these, assessed within 14 days after the last induction session.',
    coverage = 'n_assessed / n_treated; below 0.60 the responders may not be like the rest.',
    is_suppressed = 'Whether the row is hidden for small cells; always false here, decided at release.',
    suppression_reason = 'Why the row is hidden.'
  ),
  grain (indication, instrument, estimand, dimension, level),
  audits (
    not_null(columns := (indication, instrument, estimand, dimension, level, numerator, denominator, n_treated)),
    unique_combination_of_columns(columns := (indication, instrument, estimand, dimension, level)),
    accepted_values(column := estimand, is_in := ('censor_at_retreatment', 'composite', 'competing')),
    forall(criteria := (
      numerator <= denominator,
      denominator <= n_assessed,
      rate between 0 and 1,
      ci_low <= rate,
      rate <= ci_high,
      survival_182d <= survival_84d and survival_84d <= survival_56d and survival_56d <= survival_28d
    ))
  )
);

with estimands as (
  select e.estimand,
  from (values ('censor_at_retreatment'), ('composite'), ('competing')) as e(estimand)
)

select
  d.indication,
  d.instrument,
  e.estimand::varchar as estimand,
  d.dimension,
  d.level,
  coalesce(s.numerator, 0)::bigint as numerator,
  d.n_responders as denominator,
  s.rate,
  s.ci_low,
  s.ci_high,
  s.ci_method,
  s.landmark_day,
  s.median_days::integer as median_days,
  s.median_ci_low::integer as median_ci_low,
  s.median_ci_high::integer as median_ci_high,
  s.survival_28d,
  s.survival_28d_ci_low,
  s.survival_28d_ci_high,
  s.survival_56d,
  s.survival_56d_ci_low,
  s.survival_56d_ci_high,
  s.survival_84d,
  s.survival_84d_ci_low,
  s.survival_84d_ci_high,
  s.survival_182d,
  s.survival_182d_ci_low,
  s.survival_182d_ci_high,
  d.n_treated,
  d.n_assessed,
  @rate(d.n_assessed, d.n_treated) as coverage,
  false as is_suppressed,
  null::varchar as suppression_reason,
from intermediate.int_durability_denominator as d
cross join estimands as e
left join intermediate.int_durability_summary as s
  on d.indication = s.indication
  and d.instrument = s.instrument
  and e.estimand = s.estimand
  and d.dimension = s.dimension
  and d.level = s.level
