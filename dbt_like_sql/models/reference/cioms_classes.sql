MODEL (
  name reference.cioms_classes,
  kind FULL,
  description 'The CIOMS III classes of how frequent an adverse event is, by the share of patients who had it.',
  column_descriptions (
    cioms_class = 'Name of the class.',
    position = 'Order, from the rarest.',
    at_least = 'The lowest share in the class.',
    below = 'The lowest share of the next class.'
  ),
  grain (cioms_class),
  audits (
    not_null(columns := (cioms_class, position, at_least, below)),
    unique_values(columns := (cioms_class, position)),
    forall(criteria := (at_least < below))
  )
);

select
  c.cioms_class::varchar as cioms_class,
  c.position::integer as position,
  c.at_least::double as at_least,
  c.below::double as below,
from (values
  ('very_rare', 1, 0, 0.0001),
  ('rare', 2, 0.0001, 0.001),
  ('uncommon', 3, 0.001, 0.01),
  ('common', 4, 0.01, 0.1),
  -- Everybody had it: 1 is in the class too.
  ('very_common', 5, 0.1, 2)
) as c(cioms_class, position, at_least, below)
