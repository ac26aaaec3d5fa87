MODEL (
  name intermediate.int_durability_denominator,
  kind FULL,
  description 'How many were treated, assessed and in response at the end of induction: what durability is conditional on.',
  column_descriptions (
    stratum_no = 'The stratum, by the number of int_patient_stratum.',
    indication = 'all, or the diagnosis that the course was for.',
    instrument = 'The outcome instrument.',
    dimension = 'overall, clinic, indication, route, setting, place, hour, dose, cumulative_dose, cumulative_dose_band, age_group, dose_and_age, psychotherapy or rehabilitation.',
    level = 'The level of that dimension; all when it is overall.',
    n_treated = 'Treated patients with an eligible baseline on the instrument.',
    n_assessed = 'Of these, assessed within 14 days after the last induction session.',
    n_responders = 'Of these, in response at the first such assessment.'
  ),
  grain (indication, instrument, dimension, level),
  audits (
    not_null(columns := (stratum_no, indication, instrument, dimension, level)),
    unique_combination_of_columns(columns := (indication, instrument, dimension, level)),
    forall(criteria := (n_responders <= n_assessed, n_assessed <= n_treated))
  )
);

with counts as (
  select
    k.patient_kind_no,
    p.instrument,
    count(*) as n_treated,
    sum(case when p.is_assessed then 1 else 0 end) as n_assessed,
    sum(case when p.is_evaluable then 1 else 0 end) as n_responders,
  from intermediate.int_durability_patient as p
  inner join intermediate.int_patient_kind as k
    on p.patient_no = k.patient_no
  group by k.patient_kind_no, p.instrument
),

strata as (
  @expand_strata(counts, [instrument], [n_treated, n_assessed, n_responders])
)

select
  n.stratum_no,
  s.indication::varchar as indication,
  s.instrument::varchar as instrument,
  s.dimension::varchar as dimension,
  s.level::varchar as level,
  s.n_treated::bigint as n_treated,
  s.n_assessed::bigint as n_assessed,
  s.n_responders::bigint as n_responders,
from strata as s
inner join (
  select distinct n.stratum_no, n.indication, n.dimension, n.level,
  from intermediate.int_patient_stratum as n
) as n
  on s.indication = n.indication and s.dimension = n.dimension and s.level = n.level
