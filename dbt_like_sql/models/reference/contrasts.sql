MODEL (
  name reference.contrasts,
  kind FULL,
  description 'The pairs of groups that are put side by side: a level of a dimension against the level it is compared with. None of them says why two groups differ.',
  column_descriptions (
    contrast_code = 'Name of the contrast.',
    dimension = 'What the two groups are levels of.',
    level = 'The group.',
    reference_level = 'The group it is compared with; differences are level minus reference_level.',
    question = 'What the contrast is asked for.',
    words = 'The contrast in plain words.'
  ),
  grain (contrast_code),
  audits (
    not_null(columns := (contrast_code, dimension, level, reference_level, question, words)),
    unique_values(columns := (contrast_code)),
    unique_combination_of_columns(columns := (dimension, level)),
    forall(criteria := (level <> reference_level))
  )
);

select
  c.contrast_code::varchar as contrast_code,
  c.dimension::varchar as dimension,
  c.level::varchar as level,
  c.reference_level::varchar as reference_level,
  c.question::varchar as question,
  c.words::varchar as words,
from (values
  ('cumulative_dose', 'cumulative_dose', '400_mg_and_over', 'under_400_mg', 'dose',
   'Intravenous inductions of 400 mg and more in all, against less'),
  ('cumulative_dose_under_46', 'dose_and_age', 'under_46/400_mg_and_over', 'under_46/under_400_mg', 'dose',
   'The same among patients younger than 46'),
  ('cumulative_dose_46_and_over', 'dose_and_age', '46_and_over/400_mg_and_over', '46_and_over/under_400_mg', 'dose',
   'The same among patients of 46 years and more'),
  ('dose_under_0_3', 'dose', 'under_0_3', '0_3_to_0_6', 'dose', 'Doses under 0.3 mg/kg, against 0.3 to 0.6'),
  ('dose_0_6_to_1', 'dose', '0_6_to_1', '0_3_to_0_6', 'dose', 'Doses of 0.6 to 1 mg/kg, against 0.3 to 0.6'),
  ('dose_1_and_over', 'dose', '1_and_over', '0_3_to_0_6', 'dose', 'Doses of 1 mg/kg and more, against 0.3 to 0.6'),
  ('age_46_and_over', 'age_group', '46_and_over', 'under_46', 'age', '46 years and more, against younger'),
  ('home', 'place', 'home', 'on_site', 'place', 'At home, against on site'),
  ('route_im', 'route', 'im', 'iv', 'route', 'Intramuscular, against intravenous'),
  ('route_intranasal', 'route', 'intranasal', 'iv', 'route', 'Intranasal, against intravenous'),
  ('route_sublingual', 'route', 'sublingual', 'iv', 'route', 'Sublingual, against intravenous'),
  ('route_oral', 'route', 'oral', 'iv', 'route', 'Oral, against intravenous'),
  ('psychotherapy', 'psychotherapy', 'with', 'without', 'combination',
   'With psychotherapy or integration by the end of induction, against without'),
  ('rehabilitation', 'rehabilitation', 'with', 'without', 'combination',
   'With physiotherapy or rehabilitation by the end of induction, against without'),
  ('hour_afternoon', 'hour', 'afternoon', 'morning', 'hour', 'In the afternoon, against the morning'),
  ('hour_evening', 'hour', 'evening', 'morning', 'hour', 'In the evening, against the morning'),
  ('hour_night', 'hour', 'night', 'morning', 'hour', 'At night, against the morning'),
  ('session_second_to_sixth', 'session', 'second_to_sixth', 'first', 'session',
   'The second to sixth session, against the first'),
  ('session_later', 'session', 'later', 'first', 'session', 'The seventh session and later, against the first'),
  ('premedication_benzodiazepine', 'premedication', 'benzodiazepine', 'none', 'premedication',
   'With a benzodiazepine before the dose, against no premedication'),
  ('premedication_alpha2', 'premedication', 'alpha2', 'none', 'premedication',
   'With an alpha-2 agonist before the dose, against no premedication')
) as c(contrast_code, dimension, level, reference_level, question, words)
