MODEL (
  name marts.treatment_patterns,
  kind FULL,
  description 'Doses, sessions and days of induction, as quartiles. Observed in registry, uncontrolled.',
  grain (indication, measure, dimension, level),
  audits (
    not_null(columns := (indication, measure, dimension, level, n_patients, n_values)),
    unique_combination_of_columns(columns := (indication, measure, dimension, level)),
    forall(criteria := (n_patients <= n_values, lower_quartile <= median, median <= upper_quartile))
  )
);

with histogram as (
  @expand_main_strata(intermediate.int_induction_value, [measure, value], [n_values])
),

quartiles as (
  @quartiles(histogram, [indication, measure, dimension, level])
),

patients as (
  select
    g.main_kind_no,
    m.measure,
    sum(
      case
        when m.measure = 'dose_mg' and c.n_doses = 0 then 0
        when m.measure = 'dose_mg_per_kg' and c.n_doses_per_kg = 0 then 0
        when m.measure = 'cumulative_dose_mg' and c.cumulative_dose_mg is null then 0
        else 1
      end
    ) as n_patients,
  from intermediate.int_induction_course as c
  inner join intermediate.int_patient_kind as k
    on c.patient_no = k.patient_no
  inner join intermediate.int_main_kind as g
    on k.patient_kind_no = g.patient_kind_no
  cross join (
    values ('dose_mg'), ('dose_mg_per_kg'), ('sessions'), ('days'), ('cumulative_dose_mg')
  ) as m(measure)
  group by g.main_kind_no, m.measure
),

strata_of_patients as (
  @expand_main_strata(patients, [measure], [n_patients])
)

select
  q.indication::varchar as indication,
  q.measure::varchar as measure,
  q.dimension::varchar as dimension,
  q.level::varchar as level,
  p.n_patients::bigint as n_patients,
  q.n_values,
  q.lower_quartile,
  q.median,
  q.upper_quartile,
  false as is_suppressed,
  null::varchar as suppression_reason,
from quartiles as q
inner join strata_of_patients as p
  on q.indication = p.indication
  and q.measure = p.measure
  and q.dimension = p.dimension
  and q.level = p.level
