"""How scores change from baseline: means, their spread, and the limits of the mean change."""

from typing import TYPE_CHECKING, Any

from registry_pipeline.statistics.means import mean_from_sums
from registry_pipeline.warehouse.python_models import Tables, fetch, python_model

if TYPE_CHECKING:
    import pandas as pd

GRAIN = ["indication", "instrument", "time_window", "dimension", "level"]
RULES = ("n_observed between 0 and n_eligible", "ci_low <= change_mean and change_mean <= ci_high")
QUERY = """
select
  s.indication,
  s.instrument,
  s.time_window,
  s.dimension,
  s.level,
  s.n_eligible::bigint as n_eligible,
  s.n_observed::bigint as n_observed,
  coalesce(s.baseline_sum, 0)::double as baseline_sum,
  coalesce(s.score_sum, 0)::double as score_sum,
  coalesce(s.score_sum - s.baseline_sum, 0)::double as change_sum,
  coalesce(s.change_squares, 0)::double as change_squares
from {strata} as s
"""


@python_model(
    "marts.score_change",
    description="How scores of treated patients change from baseline. Observed in registry, uncontrolled.",
    columns={
        "indication": "varchar",
        "instrument": "varchar",
        "time_window": "varchar",
        "dimension": "varchar",
        "level": "varchar",
        "n_observed": "bigint",
        "n_eligible": "bigint",
        "coverage": "double",
        "baseline_mean": "double",
        "score_mean": "double",
        "change_mean": "double",
        "change_sd": "double",
        "ci_low": "double",
        "ci_high": "double",
        "ci_method": "varchar",
        "is_suppressed": "boolean",
        "suppression_reason": "varchar",
    },
    grain=GRAIN,
    depends_on=["intermediate.int_response_stratum"],
    filled=["n_observed", "n_eligible"],
    rules=RULES,
)
def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    rows = fetch(context, QUERY, strata="intermediate.int_response_stratum")
    n = rows["n_observed"]
    change = mean_from_sums(n, rows["change_sum"], rows["change_squares"])
    return rows.assign(
        coverage=n / rows["n_eligible"],
        baseline_mean=(rows["baseline_sum"] / n).where(n > 0),
        score_mean=(rows["score_sum"] / n).where(n > 0),
        change_mean=change.mean,
        change_sd=change.sd,
        ci_low=change.low,
        ci_high=change.high,
        ci_method=n.map(lambda observed: "t" if observed > 1 else None),
        is_suppressed=False,
        suppression_reason=None,
    )
