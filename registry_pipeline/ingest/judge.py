"""What is wrong with the rows of a batch: casts, contract rules, identifiers, the clinic's own id."""

from dataclasses import dataclass

import polars as pl

from registry_pipeline.contracts.compile import CompiledTable, identifier_columns
from registry_pipeline.contracts.model import Compare, Expression, Required, Rule, TypeCheck
from registry_pipeline.deid.patterns import Identifiers
from registry_pipeline.ingest.cast import cast_batch

FINDINGS = {"row": pl.UInt32, "rule_id": pl.String, "column_name": pl.String}
"""One row per finding: the row of the batch (from 0), the rule it breaks, the column concerned."""


@dataclass(frozen=True)
class Judged:
    """A batch with its verdict."""

    typed: pl.DataFrame
    refusals: pl.DataFrame
    """Findings that refuse their row."""
    warnings: pl.DataFrame
    """Findings that go with an accepted row."""


class Judge:
    """Judges batches of one table for one clinic."""

    def __init__(self, table: CompiledTable, identifiers: Identifiers, clinic_id: str) -> None:
        self.table = table
        self.identifiers = identifiers
        self.clinic_id = clinic_id
        self.free_text = identifier_columns(table.contract)
        self.rules: dict[str, Rule] = {rule.id: rule for rule in table.contract.rules}
        self.columns = {rule.id: rule.column for rule in table.contract.rules}
        self.warns = [rule.id for rule in table.contract.rules if rule.severity == "warn"]

    def judge(self, text: pl.DataFrame) -> Judged:
        """Judge a batch of the contract's columns as text."""
        foreign = self._foreign_clinic(text)
        if "clinic_id" in self.table.dtypes:
            text = text.with_columns(pl.lit(self.clinic_id).alias("clinic_id"))
        typed, unread = cast_batch(text, self.table)
        named = self._named(pl.concat([unread, self.table.findings(typed)]))
        findings = pl.concat([foreign, self._renamed(self._without_echoes(named), text), self._in_free_text(text)])
        is_warning = pl.col("rule_id").is_in(self.warns)
        return Judged(typed, findings.filter(~is_warning), findings.filter(is_warning))

    def _foreign_clinic(self, text: pl.DataFrame) -> pl.DataFrame:
        if "clinic_id" not in text.columns:
            return pl.DataFrame(schema=FINDINGS)
        rows = (text["clinic_id"] != self.clinic_id).fill_null(value=False).arg_true().cast(pl.UInt32)
        return (
            rows.alias("row")
            .to_frame()
            .with_columns(pl.lit("record.clinic_id").alias("rule_id"), pl.lit("clinic_id").alias("column_name"))
        )

    def _named(self, findings: pl.DataFrame) -> pl.DataFrame:
        column = pl.col("rule_id").replace_strict(self.columns, default=None, return_dtype=pl.String)
        return findings.with_columns(column.alias("column_name"))

    def _without_echoes(self, findings: pl.DataFrame) -> pl.DataFrame:
        """Drop what only follows from a cell that could not be read and is therefore null: one fault, one finding."""
        unread = findings.filter(pl.col("rule_id").is_in(self._ids_of(TypeCheck)))
        if unread.is_empty():
            return findings
        is_empty = pl.col("rule_id").is_in(self._ids_of(Required))
        spans_columns = pl.col("rule_id").is_in(self._ids_of(Expression, Compare))
        same_cell = ["row", "column_name"]
        return pl.concat(
            [
                findings.filter(~is_empty & ~spans_columns),
                findings.filter(is_empty).join(unread, on=same_cell, how="anti", maintain_order="left"),
                findings.filter(spans_columns).join(unread, on="row", how="anti", maintain_order="left"),
            ]
        )

    def _ids_of(self, *kinds: type) -> list[str]:
        return [rule.id for rule in self.rules.values() if isinstance(rule.check, kinds)]

    def _renamed(self, findings: pl.DataFrame, text: pl.DataFrame) -> pl.DataFrame:
        """Call a refused cell that looks like an identifier what it is."""
        parts = [findings.filter(pl.col("column_name").is_null())]
        for (column,), group in findings.filter(pl.col("column_name").is_not_null()).group_by(
            "column_name", maintain_order=True
        ):
            cells = text[str(column)].gather(group["row"])
            seen = self.identifiers.first_match(cells, is_free_text=False)
            parts.append(group.with_columns(pl.coalesce(seen, pl.col("rule_id")).alias("rule_id")))
        return pl.concat(parts).unique(maintain_order=True)

    def _in_free_text(self, text: pl.DataFrame) -> pl.DataFrame:
        found = [pl.DataFrame(schema=FINDINGS)]
        for column in self.free_text:
            seen = self.identifiers.first_match(text[column], is_free_text=True)
            rows = seen.is_not_null().arg_true()
            found.append(
                pl.DataFrame({"row": rows.cast(pl.UInt32), "rule_id": seen.gather(rows)}).with_columns(
                    pl.lit(column).alias("column_name")
                )
            )
        return pl.concat(found)
