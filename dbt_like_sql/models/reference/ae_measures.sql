MODEL (
  name reference.ae_measures,
  kind FULL,
  description 'How bad adverse events were and when they began: what is counted of the patients and sessions that had one.',
  column_descriptions (
    measure = 'Name of the measure.',
    lowest_grade = 'Counted from this highest grade on; 0 stands for no grade noted. Null where the grade does not matter.',
    highest_grade = 'Counted up to this grade.',
    mark = 'The bit of int_ae_occurrence.marks that is counted; null where the grade decides.',
    is_share_of_grades = 'Whether the measure is one of those that share out everybody with the event.'
  ),
  grain (measure),
  audits (not_null(columns := (measure, is_share_of_grades)), unique_values(columns := (measure)))
);

select
  m.measure::varchar as measure,
  m.lowest_grade::smallint as lowest_grade,
  m.highest_grade::smallint as highest_grade,
  m.mark::integer as mark,
  m.is_share_of_grades::boolean as is_share_of_grades,
from (values
  ('grade_unknown', 0, 0, null, true),
  ('grade_1', 1, 1, null, true),
  ('grade_2', 2, 2, null, true),
  ('grade_3', 3, 3, null, true),
  ('grade_4', 4, 4, null, true),
  ('grade_5', 5, 5, null, true),
  ('grade_3_and_over', 3, 5, null, false),
  ('serious', null, null, 1, false),
  ('acted_on', null, null, 2, false),
  ('dose_stopped', null, null, 4, false),
  ('related', null, null, 8, false),
  ('acute', null, null, 16, false),
  ('subacute', null, null, 32, false),
  ('late', null, null, 64, false)
) as m(measure, lowest_grade, highest_grade, mark, is_share_of_grades)
