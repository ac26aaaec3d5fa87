MODEL (
  name reference.safety_terms,
  kind FULL,
  description 'The adverse-event terms of special interest (is_aesi in ae_terms.csv) and the signal that each belongs to. A term that a deployment adds is a signal of its own.',
  column_descriptions (
    ae_term = 'The adverse-event term.',
    signal = 'The signal.'
  ),
  grain (ae_term),
  audits (not_null(columns := (ae_term, signal)), unique_values(columns := (ae_term)))
);

with grouped as (
  select g.ae_term::varchar as ae_term, g.signal::varchar as signal,
  from (values
    ('suicidal_ideation', 'suicidality'),
    ('suicide_attempt', 'suicidality'),
    ('psychosis', 'psychosis_or_mania'),
    ('mania', 'psychosis_or_mania'),
    ('urinary_frequency_dysuria', 'bladder'),
    ('cystitis', 'bladder'),
    ('alt_increase', 'liver'),
    ('craving_misuse', 'misuse')
  ) as g(ae_term, signal)
)

select t.ae_term, coalesce(g.signal, t.ae_term) as signal,
from reference.ae_terms as t
left join grouped as g
  on t.ae_term = g.ae_term
where t.is_aesi
