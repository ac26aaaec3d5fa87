MODEL (
  name reference.proration_rules,
  kind FULL,
  description 'Instruments whose total may be completed from the items answered, and from how many of them.',
  column_descriptions (
    instrument = 'The instrument.',
    total_is = 'Whether the total is the sum or the mean of the items.',
    min_answered = 'Items that must be answered: all but one for PHQ-9 and GAD-7, else at least 80 %, or as the instrument says.'
  ),
  grain (instrument),
  audits (unique_values(columns := (instrument)), not_null(columns := (instrument, total_is, min_answered)))
);

select
  r.instrument::varchar as instrument,
  r.total_is::varchar as total_is,
  r.min_answered::integer as min_answered,
from (values
  ('phq9', 'sum', 8),
  ('gad7', 'sum', 6),
  ('madrs', 'sum', 8),
  ('hamd17', 'sum', 14),
  ('bdi2', 'sum', 17),
  ('pcl5', 'sum', 16),
  ('caps5', 'sum', 16),
  ('pdi', 'sum', 6),
  ('sfmpq', 'sum', 12),
  ('bpi_severity', 'mean', 4),
  ('bpi_interference', 'mean', 4),
  ('sfmpq2', 'mean', 18)
) as r(instrument, total_is, min_answered)
