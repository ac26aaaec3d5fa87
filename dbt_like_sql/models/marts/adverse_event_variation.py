"""How much clinics differ in adverse events, and what is left when one is left out."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.statistics.clinics import VARIATION_COLUMNS, VARIATION_RULES, variation_rows
from registry_pipeline.warehouse.python_models import Tables, fetch, python_model

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("ae_term",)
# Half a patient is added where a clinic saw no event. Where most saw none, that would be most of the pooled rate.
ADVERSE_EVENTS = """
with clinics as (
  select f.ae_term, f.level, f.numerator, f.denominator::bigint as denominator
  from {frequencies} as f
  where f.dimension = 'clinic' and f.basis = 'patient' and f.ascertainment = 'complete' and f.denominator > 0
),

seen as (
  select c.ae_term
  from clinics as c
  group by c.ae_term
  having 2 * sum(case when c.numerator > 0 then 1 else 0 end) >= count(*)
)

select c.ae_term, c.level, c.numerator, c.denominator
from clinics as c
inner join seen as s
  on c.ae_term = s.ae_term
"""


@python_model(
    "marts.adverse_event_variation",
    description=(
        "How much clinics differ in which share of their patients had an adverse event, of patients with a session "
        "after which a form was complete: the pooled share of a typical clinic, its prediction interval, and what "
        "leaving one clinic out does. Events that most clinics never noted are not pooled. Observed in registry, "
        "uncontrolled. A patient seen at two clinics counts twice."
    ),
    columns={
        **dict.fromkeys(KEYS, "varchar"),
        **VARIATION_COLUMNS,
        "is_suppressed": "boolean",
        "suppression_reason": "varchar",
    },
    grain=KEYS,
    depends_on=["marts.adverse_event_frequencies"],
    filled=["numerator", "denominator"],
    rules=VARIATION_RULES,
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    rows = variation_rows(fetch(context, ADVERSE_EVENTS, frequencies="marts.adverse_event_frequencies"), KEYS)
    return rows.assign(is_suppressed=False, suppression_reason=None)
