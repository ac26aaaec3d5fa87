"""The scorecard: Kahn's three dimensions by clinic, table and month of arrival, with thresholds and drift.

What belongs here: the counting, the status, the control limits. What does not: gathering findings (`findings.py`) and
what is hidden in public.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, get_args

from registry_pipeline.contracts.load import Contracts
from registry_pipeline.contracts.model import Dimension
from registry_pipeline.lake.receipts import Receipt
from registry_pipeline.scorecard.findings import fill

if TYPE_CHECKING:
    import duckdb

UNASSIGNED = "unassigned"
"""What receipts call the table of records that no table could be told for."""
LEAST_MONTHS, LEAST_RECORDS = 3, 50
"""How much of a clinic's past is enough to compare with: one of the two."""
SIGMAS = 3
"""Half-width of the control limits in standard deviations, as in Shewhart's charts: 3 months of 1,000 lie outside by
chance."""


def measure(connection: "duckdb.DuckDBPyConnection", receipts: Sequence[Receipt], contracts: Contracts) -> None:
    """Make the temporary table `scorecard`, and the view `record_finding`, from the temporary table `finding`.

    Args:
        connection: Where `gather_findings` has put the findings of these deliveries.
        receipts: The deliveries.
        contracts: What gives the thresholds.
    """
    text, count = "varchar", "bigint"
    delivery = {"clinic_id": text, "delivery_id": text, "arrival_month": text, "is_refused": "boolean"}
    fill(connection, "delivery", delivery, _deliveries(receipts))
    fill(connection, "table_read", {**delivery, "table_name": text, "n_records": count}, _tables(receipts))
    thresholds = {"table_name": text, "dimension": text, "threshold": "double"}
    fill(connection, "quality_threshold", thresholds, _thresholds(contracts))
    fill(connection, "dimension", {"dimension": text}, ((name,) for name in get_args(Dimension)))
    connection.execute(f"create or replace temporary view record_finding as {RECORD_FINDINGS}")
    connection.execute(f"create or replace temporary table scorecard as {SCORECARD}")


def _deliveries(receipts: Iterable[Receipt]) -> Iterator[tuple[object, ...]]:
    for receipt in receipts:
        yield (*receipt.key, receipt.received_at[: len("2026-01")], receipt.status == "refused")


def _tables(receipts: Iterable[Receipt]) -> Iterator[tuple[object, ...]]:
    for receipt, delivery in zip(receipts, _deliveries(receipts), strict=True):
        for table, counts in receipt.tables.items():
            yield (*delivery, table, counts.n_records)


def _thresholds(contracts: Contracts) -> Iterator[tuple[object, ...]]:
    for table in contracts.tables.values():
        for dimension, threshold in table.quality_thresholds.items():
            yield table.name, dimension, float(threshold)


RECORD_FINDINGS = f"""
select f.clinic_id, f.delivery_id, coalesce(f.table_name, '{UNASSIGNED}') as table_name, f.line, f.column_name,
  f.rule_id, f.severity, f.dimension, f.reason,
  struct_pack(
    line := f.line,
    -- A line may hold several records of a table, such as one per visit: each of them breaks a rule once.
    nth := row_number() over (
      partition by f.clinic_id, f.delivery_id, f.table_name, f.severity, f.is_cross_table, f.line, f.rule_id,
        f.column_name
    ),
    -- What the warehouse refuses was accepted at the door, so it is another record than one refused there.
    is_late := f.is_cross_table and f.severity = 'reject'
  ) as record
from finding as f
"""
"""The findings, each with what tells the records of a delivery and table apart."""

CONTROL = f"""
select c.*,
  -- Spiegelhalter's overdispersion: how much more the past months differ than chance alone would make them.
  case when c.n_past_months >= {LEAST_MONTHS} and c.past_numerator > 0 and c.past_numerator < c.past_denominator
    then greatest(1, (c.past_squares - c.past_numerator * c.past_numerator / c.past_denominator)
      / (c.past_numerator / c.past_denominator * (1 - c.past_numerator / c.past_denominator)) / (c.n_past_months - 1))
    else 1 end as overdispersion,
  -- Anscombe's transformation makes the spread of a share the same wherever it lies, 0 and 1 included.
  asin(sqrt((c.past_numerator + 0.375) / (c.past_denominator + 0.75))) as centre
from compared as c
"""

SCORECARD = f"""
with read as (
  select t.clinic_id, t.table_name, t.arrival_month, sum(t.n_records) as denominator
  from table_read as t
  group by t.clinic_id, t.table_name, t.arrival_month
), found as (
  select f.clinic_id, f.table_name, d.arrival_month, f.dimension,
    count(distinct (f.delivery_id, f.record)) filter (where f.severity = 'reject') as numerator,
    count(distinct (f.delivery_id, f.record)) filter (where f.severity = 'warn') as n_warned
  from record_finding as f
  inner join delivery as d on f.clinic_id = d.clinic_id and f.delivery_id = d.delivery_id
  group by f.clinic_id, f.table_name, d.arrival_month, f.dimension
), counted as (
  select r.clinic_id, r.table_name, r.arrival_month, k.dimension, coalesce(f.numerator, 0) as numerator,
    r.denominator, coalesce(f.n_warned, 0) as n_warned, q.threshold,
    cast(coalesce(f.numerator, 0) as double) / nullif(r.denominator, 0) as rate
  from read as r
  cross join dimension as k
  left join found as f
    on r.clinic_id = f.clinic_id and r.table_name = f.table_name and r.arrival_month = f.arrival_month
      and k.dimension = f.dimension
  left join quality_threshold as q on r.table_name = q.table_name and k.dimension = q.dimension
), compared as (
  select c.*,
    cast(sum(c.numerator) over past as double) as past_numerator,
    cast(sum(c.denominator) over past as double) as past_denominator,
    sum(c.numerator * c.rate) over past as past_squares,
    count(c.rate) over past as n_past_months
  from counted as c
  window past as (
    partition by c.clinic_id, c.table_name, c.dimension order by c.arrival_month
    rows between unbounded preceding and 1 preceding
  )
), control as ({CONTROL}), limited as (
  select c.*,
    -- Unassigned records are all refused, so there is nothing to compare.
    c.rate is not null and c.past_denominator > 0 and c.table_name <> '{UNASSIGNED}'
      and (c.n_past_months >= {LEAST_MONTHS} or c.past_denominator >= {LEAST_RECORDS}) as is_comparable,
    {SIGMAS} / 2.0 * sqrt(c.overdispersion * (1.0 / c.denominator + 1.0 / c.past_denominator)) as half_width
  from control as c
), judged as (
  select l.clinic_id, l.table_name, l.arrival_month, l.dimension, l.numerator, l.denominator, l.rate, l.n_warned,
    l.threshold,
    case when l.rate > l.threshold then 'fail' when l.numerator + l.n_warned > 0 then 'pass_with_findings'
      else 'pass' end as status,
    case when l.is_comparable then l.past_numerator / l.past_denominator end as past_rate,
    case when l.is_comparable
      then greatest(0, (pow(sin(greatest(0, l.centre - l.half_width)), 2) * (l.denominator + 0.75) - 0.375)
        / l.denominator) end as drift_low,
    case when l.is_comparable
      then least(1, (pow(sin(least(pi() / 2, l.centre + l.half_width)), 2) * (l.denominator + 0.75) - 0.375)
        / l.denominator) end as drift_high
  from limited as l
)
select j.clinic_id, j.table_name, j.arrival_month, j.dimension, j.numerator, j.denominator, j.rate, j.n_warned,
  j.threshold, j.status, j.past_rate, j.drift_low, j.drift_high,
  j.rate < j.drift_low or j.rate > j.drift_high as is_drifting, cast(null as bigint) as n_refused_files
from judged as j
union all
select d.clinic_id, null, d.arrival_month, 'conformance', 0, 0, null, 0, null, 'fail', null, null, null, null, count(*)
from delivery as d
where d.is_refused
group by d.clinic_id, d.arrival_month
"""
"""The scorecard itself, from `table_read`, `delivery`, `record_finding`, `dimension` and `quality_threshold`."""
