MODEL (
  name intermediate.int_imputation_cell,
  kind FULL,
  description 'The cells within which missing scores are imputed: patients of one diagnosis who are alike in whether the score before already met the definition.',
  column_descriptions (
    indication = 'Diagnosis that the course is for.',
    instrument = 'The outcome instrument.',
    time_window = 'The window.',
    definition = 'response, substantial, remission, remission_strict or deterioration.',
    was_met_before = 'Whether the last score before meets the definition.',
    n_observed = 'Patients with a score in the window.',
    n_met = 'Those of them who meet the definition.',
    n_missing = 'Patients without one.'
  ),
  grain (indication, instrument, time_window, definition, was_met_before),
  audits (
    not_null(columns := (indication, instrument, time_window, definition, was_met_before)),
    unique_combination_of_columns(columns := (indication, instrument, time_window, definition, was_met_before)),
    forall(criteria := (n_met between 0 and n_observed, n_missing >= 0))
  )
);

with strata as (
  select s.*,
  from intermediate.int_response_stratum as s
  where s.dimension = 'overall' and s.indication <> 'all'
),

definitions as (
  select
    s.indication,
    s.instrument,
    s.time_window,
    d.definition,
    s.n_eligible,
    s.n_observed,
    @of_definition(d.definition, s, '') as n_met,
    @of_definition(d.definition, s, '_carried') as n_carried,
    @of_definition(d.definition, s, '_before') as n_before,
    @of_definition(d.definition, s, '_kept') as n_kept,
  from strata as s
  inner join reference.definitions as d
    on s.instrument = d.instrument
)

select
  d.indication,
  d.instrument,
  d.time_window,
  d.definition,
  b.was_met_before,
  case when b.was_met_before then d.n_before else d.n_observed - d.n_before end::bigint as n_observed,
  case when b.was_met_before then d.n_kept else d.n_met - d.n_kept end::bigint as n_met,
  case
    when b.was_met_before then d.n_carried - d.n_met
    else d.n_eligible - d.n_observed - (d.n_carried - d.n_met)
  end::bigint as n_missing,
from definitions as d
cross join (values (false), (true)) as b(was_met_before)
