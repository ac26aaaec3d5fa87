MODEL (
  name intermediate.int_case_mix_total,
  kind FULL,
  description 'The registry by what response is known to vary with: what clinics are held against.',
  column_descriptions (
    instrument = 'The outcome instrument.',
    time_window = 'The window.',
    estimand = 'nri or observed.',
    stratum = 'As in int_case_mix.',
    numerator = 'Patients in response, over all clinics.',
    denominator = 'Patients who could be.'
  ),
  grain (instrument, time_window, estimand, stratum),
  audits (
    not_null(columns := (instrument, time_window, estimand, stratum, numerator, denominator)),
    unique_combination_of_columns(columns := (instrument, time_window, estimand, stratum))
  )
);

select
  m.instrument,
  m.time_window,
  m.estimand,
  m.stratum,
  sum(m.numerator)::bigint as numerator,
  sum(m.denominator)::bigint as denominator,
from intermediate.int_case_mix as m
group by m.instrument, m.time_window, m.estimand, m.stratum
