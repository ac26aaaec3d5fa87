MODEL (
  name intermediate.int_ae_term,
  kind FULL,
  description 'The adverse-event terms by number, so that rows of events are named by whole numbers; 0 is any of them.',
  column_descriptions (
    term_no = 'Number of the term in this build; 0 is any.',
    ae_term = 'Term of the vocabulary, or any.'
  ),
  grain (term_no),
  audits (
    not_null(columns := (term_no, ae_term)),
    unique_values(columns := (term_no, ae_term))
  )
);

select row_number() over (order by v.ae_term)::integer as term_no, v.ae_term::varchar as ae_term,
from reference.ae_terms as v
union all
select 0 as term_no, 'any' as ae_term,
