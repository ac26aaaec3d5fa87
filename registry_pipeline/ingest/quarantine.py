"""The quarantine file of a delivery: one row per finding, with the line, the rule, the reason and the record."""

from collections import Counter
from pathlib import Path

import polars as pl

from registry_pipeline.deid.guard import Identifiers
from registry_pipeline.feeds.readers.base import Damage
from registry_pipeline.ingest.discover import Delivery
from registry_pipeline.ingest.reasons import Reasons
from registry_pipeline.ingest.sinks import ParquetSink

SCHEMA = {
    "clinic_id": pl.String,
    "delivery_id": pl.String,
    "file_name": pl.String,
    "table_name": pl.String,
    "line": pl.Int64,
    "column_name": pl.String,
    "rule_id": pl.String,
    "severity": pl.String,
    "dimension": pl.String,
    "reason": pl.String,
    "record": pl.String,
}


class FindingsSink:
    """Collects the findings of one delivery."""

    def __init__(self, path: Path, reasons: Reasons, identifiers: Identifiers, delivery: Delivery) -> None:
        self.sink = ParquetSink(path)
        self.reasons = reasons
        self.identifiers = identifiers
        self.delivery = delivery
        self.rules: Counter[str] = Counter()

    def write(self, table: str | None, severity: str, findings: pl.DataFrame) -> None:
        """Append findings (rule_id, column_name, line, record) of one table; None when no table could be told."""
        if findings.is_empty():
            return
        rule_ids = findings["rule_id"].unique().to_list()
        self.rules.update(dict(findings["rule_id"].value_counts().iter_rows()))
        dimension = {rule_id: self.reasons.dimension(rule_id) for rule_id in rule_ids}
        sentence = {rule_id: self.reasons.sentence(rule_id) for rule_id in rule_ids}
        self.sink.write(
            findings.with_columns(
                pl.lit(self.delivery.clinic_id).alias("clinic_id"),
                pl.lit(self.delivery.delivery_id).alias("delivery_id"),
                pl.lit(self.delivery.file_name).alias("file_name"),
                pl.lit(table, dtype=pl.String).alias("table_name"),
                pl.lit(severity).alias("severity"),
                pl.col("rule_id").replace_strict(dimension, return_dtype=pl.String).alias("dimension"),
                pl.col("rule_id").replace_strict(sentence, return_dtype=pl.String).alias("reason"),
            ).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
        )

    def write_damages(self, table: str | None, damages: list[Damage]) -> None:
        """Append records that could not be split into fields; whatever looks like an identifier is withheld."""
        if not damages:
            return
        raw = pl.Series([damage.raw for damage in damages], dtype=pl.String)
        frame = pl.DataFrame(
            {
                "rule_id": [damage.rule_id for damage in damages],
                "line": [damage.line for damage in damages],
                "record": self.identifiers.withhold_text(raw),
            },
            schema={"rule_id": pl.String, "line": pl.Int64, "record": pl.String},
        ).with_columns(pl.lit(None, dtype=pl.String).alias("column_name"))
        self.write(table, "reject", frame)
