"""The scorecard of the current release, as people ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry_pipeline.errors import ConfigurationError
from registry_pipeline.release.reading import open_current

if TYPE_CHECKING:
    from registry_pipeline.settings import Settings

_TO_LOOK_AT = """
with ranked as (
  select d.*,
    row_number() over (partition by d.clinic_id, d.table_name, d.dimension order by d.arrival_month desc) as nth
  from meta.data_quality as d
)
select r.clinic_id, r.table_name, r.dimension, r.arrival_month, r.numerator, r.denominator, r.rate, r.threshold,
  r.status, r.past_rate, r.drift_low, r.drift_high, r.is_drifting, r.n_refused_files
from ranked as r
where r.nth = 1 and (r.status = 'fail' or r.is_drifting) and r.clinic_id = coalesce($clinic, r.clinic_id)
order by r.clinic_id, r.table_name nulls first, r.dimension
"""


def lines_to_look_at(settings: Settings, clinic_id: str | None = None) -> list[dict[str, Any]]:
    """Return the latest line of each clinic, table and dimension where it is above its threshold or drifting.

    Raises:
        ConfigurationError: If there is no release yet.
    """
    connection = open_current(settings, "restricted.duckdb")
    if connection is None:
        raise ConfigurationError("There is no release yet.", remedy="Publish one with `registry run`.")
    try:
        result = connection.execute(_TO_LOOK_AT, {"clinic": clinic_id})
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    finally:
        connection.close()
