MODEL (
  name reference.safety_signals,
  kind FULL,
  description 'The safety signals of special interest and where each is looked for: on adverse-event forms, in measured vital signs, or in the answers of follow-up contacts.',
  column_descriptions (
    signal = 'The signal.',
    source = 'form, vitals or contact.',
    is_long_term = 'Whether it is also followed over the time since the first session (marts.long_term_signals).'
  ),
  grain (signal, source),
  audits (
    not_null(columns := (signal, source, is_long_term)),
    unique_combination_of_columns(columns := (signal, source))
  )
);

with named as (
  select
    s.signal::varchar as signal,
    s.source::varchar as source,
    s.is_long_term::boolean as is_long_term,
  from (values
    ('suicidality', 'form', false),
    ('psychosis_or_mania', 'form', false),
    ('delirium', 'form', false),
    ('respiratory_depression', 'form', false),
    ('sbp_180', 'vitals', false),
    ('arrhythmia', 'form', false),
    ('seizure', 'form', false),
    ('bladder', 'form', false),
    ('bladder', 'contact', true),
    ('cystitis', 'contact', true),
    ('liver', 'form', false),
    ('liver', 'contact', true),
    ('cognition', 'contact', true),
    ('misuse', 'form', false),
    ('misuse', 'contact', true),
    ('death', 'form', false),
    ('death', 'contact', false)
  ) as s(signal, source, is_long_term)
)

select n.signal, n.source, n.is_long_term,
from named as n
union
select t.signal, 'form' as source, false as is_long_term,
from reference.safety_terms as t
