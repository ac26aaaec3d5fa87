"""Signals that come late, by the time since the first session, among patients who were asked."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.statistics.safety import with_exact_interval
from registry_pipeline.warehouse.python_models import Tables, fetch, python_model

if TYPE_CHECKING:
    import pandas as pd

GRAIN = ["signal", "period", "dimension", "level"]
RULES = (
    "numerator <= denominator",
    "denominator <= n_due",
    "n_contacts_with <= n_contacts_asked",
    "ci_low <= rate and rate <= ci_high",
)
COUNTS = """
select
  c.signal,
  c.period,
  c.dimension,
  c.level,
  c.n_with as numerator,
  c.n_asked as denominator,
  c.n_due,
  c.n_contacts_asked,
  c.n_contacts_with,
  c.n_asked / nullif(cast(c.n_due as double), 0) as coverage
from {counts} as c
"""


@python_model(
    "marts.long_term_signals",
    description=(
        "Bladder, liver, cognition and misuse by the time since the first session, among patients who were asked. "
        "Observed in registry, uncontrolled. The registry is not a reporting route."
    ),
    columns={
        "signal": "varchar",
        "period": "varchar",
        "dimension": "varchar",
        "level": "varchar",
        "numerator": "bigint",
        "denominator": "bigint",
        "rate": "double",
        "ci_low": "double",
        "ci_high": "double",
        "ci_method": "varchar",
        "zero_event_upper": "double",
        "n_due": "bigint",
        "coverage": "double",
        "n_contacts_asked": "bigint",
        "n_contacts_with": "bigint",
        "is_suppressed": "boolean",
        "suppression_reason": "varchar",
    },
    grain=GRAIN,
    depends_on=["intermediate.int_long_term_count"],
    filled=["numerator", "denominator"],
    rules=RULES,
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    rows = with_exact_interval(fetch(context, COUNTS, counts="intermediate.int_long_term_count"))
    return rows.assign(is_suppressed=False, suppression_reason=None)
