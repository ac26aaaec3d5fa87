"""The SQL of what a later record or delivery took the place of, generated from the contracts.

What belongs here: which row or file superseded which. What does not: which row is current (`staging.py`).
"""

from registry_pipeline.contracts.model import TableContract
from registry_pipeline.warehouse.across import Tables, key_columns


def records_query(tables: Tables) -> str:
    """Return the query of `quality.superseded_records`."""
    return " union all ".join(_of_table(table) for table in tables.values() if table.is_delivered)


def _of_table(table: TableContract) -> str:
    source = f"lake.{table.name}"
    keys = ", ".join(f"r.{name}" for name in key_columns(table))
    by_recency = f"over (partition by {keys} order by r.delivery_order desc, r.line desc)"
    return f"""
    select d.clinic_id, '{table.name}' as table_name, d.delivery_id, d.line,
      case when d.is_retracted then 'retraction' when d.last_is_retracted then 'retracted' else 'corrected' end
        as how,
      case when d.recency > 1 then d.last_delivery_id end as superseded_by,
      case when d.recency > 1 then d.last_line end as superseded_by_line
    from (
      select r.clinic_id, r.delivery_id, r.line, r.is_retracted,
        row_number() {by_recency} as recency,
        first_value(r.delivery_id) {by_recency} as last_delivery_id,
        first_value(r.line) {by_recency} as last_line,
        first_value(r.is_retracted) {by_recency} as last_is_retracted
      from {source} as r
      inner join (
        select l.clinic_id
        from {source} as l
        group by l.clinic_id
        having min(l.delivery_order) <> max(l.delivery_order) or max(case when l.is_retracted then 1 else 0 end) = 1
      ) as s on r.clinic_id = s.clinic_id
    ) as d
    where d.recency > 1 or d.is_retracted
    """


def deliveries_query() -> str:
    """Return the query of `quality.superseded_deliveries`."""
    return """
    select d.clinic_id, d.delivery_id, d.file_name, d.superseded_by
    from lake.delivery as d
    where d.superseded_by is not null
    """
