"""The SQL of what a later record or delivery took the place of, generated from the contracts.

What belongs here: which row superseded which. What does not: reading what is left (`staging.py`).
"""

from registry_pipeline.contracts.model import Column, TableContract
from registry_pipeline.warehouse.across import Tables, key_columns
from registry_pipeline.warehouse.staging import CLINIC_COLUMN, PLACE, PROVENANCE

COLUMNS = (
    Column("table_name", "VARCHAR", "The table of the row.", "internal"),
    *PLACE,
    CLINIC_COLUMN,
    *PROVENANCE,
    Column(
        "how", "VARCHAR", "corrected, retracted (taken back), or retraction (the record that takes back).", "internal"
    ),
    Column("superseded_by", "VARCHAR", "The delivery with the latest record of the key.", "internal"),
    Column("superseded_by_line", "BIGINT", "The line of that record.", "internal"),
)
"""The columns of `staging.superseded_row`."""


def rows_query(tables: Tables) -> str:
    """Return the query of `staging.superseded_row`."""
    return " union all ".join(_of_table(table) for table in tables.values() if table.is_delivered)


def _of_table(table: TableContract) -> str:
    """Return the rows of a table that are not current. A clinic that sent once, and took nothing back, needs no sort.

    A key whose latest record says that it was entered in error has no current row.
    """
    source = f"lake.{table.name}"
    keys = ", ".join(f"r.{name}" for name in key_columns(table))
    by_recency = f"over (partition by {keys} order by r.delivery_order desc, r.line desc)"
    return f"""
    select '{table.name}' as table_name, d.delivery_order, d.row_no, d.clinic_id, d.delivery_id, d.line,
      case when d.is_retracted then 'retraction' when d.last_is_retracted then 'retracted' else 'corrected' end
        as how,
      case when d.recency > 1 then d.last_delivery_id end as superseded_by,
      case when d.recency > 1 then d.last_line end as superseded_by_line
    from (
      select r.delivery_order, r.row_no, r.clinic_id, r.delivery_id, r.line, r.is_retracted,
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
