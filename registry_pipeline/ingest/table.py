"""One table of one delivery on its way through ingest: judged batches in, an accepted file and findings out."""

from collections import Counter
from pathlib import Path

import polars as pl

from registry_pipeline.contracts.compile import CompiledTable
from registry_pipeline.feeds.mapping import LINE, CompiledMapping
from registry_pipeline.ingest.discover import Delivery
from registry_pipeline.ingest.duplicates import KeyWatch, repeated_records, without_positions
from registry_pipeline.ingest.judge import Judge, Judged
from registry_pipeline.ingest.quarantine import FindingsSink
from registry_pipeline.ingest.reasons import CONFLICT, DUPLICATE
from registry_pipeline.ingest.retraction import IS_RETRACTED, Retractions
from registry_pipeline.ingest.sinks import ParquetSink
from registry_pipeline.lake.receipts import Counts

_BATCH_ROWS = 262_144


class TableIngest:
    """Takes the records of one table, batch by batch."""

    def __init__(self, table: CompiledTable, delivery: Delivery, folder: Path, findings: FindingsSink) -> None:
        self.table = table
        self.name = table.contract.name
        self.judge = Judge(table, findings.identifiers, delivery.clinic_id)
        self.delivery = delivery
        self.accepted = ParquetSink(folder / f"{self.name}.parquet")
        self.findings = findings
        self.keys = KeyWatch(table.contract.key)
        self.n_records = self.n_quarantined = self.n_duplicate = 0
        self.warnings: Counter[str] = Counter()

    def take(self, mapping: CompiledMapping, raw: pl.DataFrame) -> None:
        """Judge the records that a mapping finds in a raw batch, and write each where it belongs."""
        records = mapping.records(raw)
        self.n_records += records.height
        text = mapping.to_contract(records)
        retractions = Retractions.of(text)
        verdict = retractions.lighten(self.judge.judge(text), self.table.contract.key)
        kept = self._accepted_rows(text, verdict, retractions.is_retracted)
        if not verdict.refusals.is_empty():
            refused = verdict.refusals["row"].unique().sort()
            self.n_quarantined += len(refused)
            self._quarantine(records.select(*mapping.kept_columns, LINE), text, verdict.refusals)
            kept = kept.filter(~pl.int_range(pl.len(), dtype=pl.UInt32).is_in(refused.implode()))
        if not verdict.warnings.is_empty():
            self.warnings.update(_split_warnings(kept["warnings"]))
        self.keys.see(kept)
        self.accepted.write(kept)

    def add_damaged(self, n: int) -> None:
        """Count records that could not be split into fields, and are in quarantine already."""
        self.n_records += n
        self.n_quarantined += n

    def _accepted_rows(self, text: pl.DataFrame, verdict: Judged, is_retracted: pl.Series) -> pl.DataFrame:
        joined = pl.lit(None, dtype=pl.String)
        frame, warnings = verdict.typed, verdict.warnings
        if not warnings.is_empty():
            by_row = warnings.group_by("row").agg(pl.col("rule_id").sort().str.join(",").alias("warnings"))
            frame = frame.with_row_index("row").join(by_row, on="row", how="left", maintain_order="left").drop("row")
            joined = pl.col("warnings")
        own: dict[str, pl.Expr | pl.Series] = {
            "clinic_id": pl.lit(self.delivery.clinic_id),
            "delivery_id": pl.lit(self.delivery.delivery_id),
            "line": text[LINE],
            IS_RETRACTED: is_retracted,
            "warnings": joined,
        }
        return frame.select(*(name for name in self.table.dtypes if name not in own), **own)

    def _quarantine(self, records: pl.DataFrame, text: pl.DataFrame, refusals: pl.DataFrame) -> None:
        raw = records[refusals["row"].to_list()]
        record = self._as_json(raw, _shown(text, refusals)).alias("record")
        self.findings.write(self.name, "reject", refusals.with_columns(raw[LINE].alias("line"), record))

    def _as_json(self, raw: pl.DataFrame, shown: pl.DataFrame) -> pl.Series:
        # A line may give several records (wide visits): what one of them shows of a person, the others show too.
        values = raw.select(LINE).join(shown, on=LINE, how="left", maintain_order="left")["shown"]
        cells, rows = raw.drop(LINE), values.is_not_null()
        if rows.any():
            withheld = self.findings.identifiers.withhold_cells(cells.filter(rows), values.filter(rows))
            cells = cells.with_columns(
                cells[name].scatter(rows.arg_true(), withheld[name]).alias(name) for name in cells.columns
            )
        return cells.to_struct("record").struct.json_encode()

    def finish(self) -> None:
        """Settle the keys that stand more than once, and close the accepted file."""
        self.accepted.close()
        suspects = self.keys.suspects()
        if len(suspects) == 0:
            return
        content = [*self.table.dtypes, IS_RETRACTED]
        repeated = repeated_records(self.accepted.path, self.table.contract.key, content, suspects)
        if repeated.is_empty():
            return
        self._rewrite_without(repeated["__position"])
        for is_duplicate, rule, severity in ((True, DUPLICATE, "duplicate"), (False, CONFLICT, "reject")):
            rows = repeated.filter(pl.col("is_duplicate") == is_duplicate)
            self.findings.write(
                self.name,
                severity,
                rows.select(
                    pl.lit(f"{self.name}.{rule}").alias("rule_id"),
                    pl.lit(None, dtype=pl.String).alias("column_name"),
                    "line",
                    pl.struct(content).struct.json_encode().alias("record"),
                ),
            )
        self.n_duplicate = int(repeated["is_duplicate"].sum())
        self.n_quarantined += repeated.height - self.n_duplicate

    def _rewrite_without(self, positions: pl.Series) -> None:
        kept = ParquetSink(self.accepted.path.with_suffix(".kept.parquet"))
        rows = without_positions(self.accepted.path, positions)
        for batch in rows.collect_batches(chunk_size=_BATCH_ROWS, maintain_order=True):
            kept.write(batch)
        kept.close()
        self.accepted.path.unlink()
        self.accepted = kept

    @property
    def counts(self) -> Counts:
        """Return what became of the records of this table."""
        return Counts(self.n_records, self.accepted.n_rows, self.n_quarantined, self.n_duplicate)


def _shown(text: pl.DataFrame, refusals: pl.DataFrame) -> pl.DataFrame:
    """Return, by line, the cells in which something of a person was seen."""
    seen = refusals.filter(pl.col("rule_id").str.starts_with("deid."))
    cells = [pl.DataFrame(schema={LINE: pl.Int64, "shown": pl.String})]
    for (column,), group in seen.group_by("column_name"):
        cells.append(text.select(LINE, pl.col(str(column)).alias("shown"))[group["row"].to_list()])
    return pl.concat(cells).group_by(LINE).agg("shown")


def _split_warnings(warnings: pl.Series) -> list[str]:
    return [rule_id for joined in warnings.drop_nulls().to_list() for rule_id in joined.split(",")]
