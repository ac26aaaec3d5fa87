MODEL (
  name intermediate.int_screening_rule,
  kind VIEW,
  description 'What each screening item asks for, read from the words of its rule in the vocabulary screening_items.',
  column_descriptions (
    item = 'The screening item.',
    is_contraindication = 'Whether the rule excludes anywhere: it says exclude, and not only home exclude.',
    is_home_contraindication = 'Whether the rule excludes treatment at home.',
    is_home_requirement = 'Whether treatment at home needs it: home require.',
    is_test = 'Whether the item is a test to be done.'
  ),
  grain (item)
);

select
  i.item,
  replace(i.rule, 'home exclude', '') like '%exclude%' as is_contraindication,
  i.rule like '%exclude%' as is_home_contraindication,
  i.rule like '%home require%' as is_home_requirement,
  i.rule = 'test' as is_test,
from reference.screening_items as i
