MODEL (
  name intermediate.int_main_stratum,
  kind FULL,
  description 'The strata of int_patient_stratum that depend on indication, clinic and route alone. Quartiles need every value in every stratum, and in smaller strata single values give people away.',
  column_descriptions (
    main_kind_no = 'The kind of patient, by the number of int_main_kind.',
    indication = 'all, or the diagnosis that the stratum is within.',
    dimension = 'overall, clinic, indication or route.',
    level = 'The level; all when dimension is overall.'
  ),
  grain (main_kind_no, indication, dimension),
  audits (
    not_null(columns := (main_kind_no, indication, dimension, level)),
    unique_combination_of_columns(columns := (main_kind_no, indication, dimension))
  )
);

select distinct k.main_kind_no, s.indication, s.dimension, s.level,
from intermediate.int_patient_stratum as s
inner join intermediate.int_main_kind as k
  on s.patient_kind_no = k.patient_kind_no
where s.dimension in ('overall', 'clinic', 'indication', 'route')
