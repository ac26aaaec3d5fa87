"""What is wrong with the rows of a batch: casts, contract rules, identifiers, the clinic's own id."""

from dataclasses import dataclass

import polars as pl

from registry_pipeline.contracts.compile import CompiledTable, identifier_columns
from registry_pipeline.contracts.model import Compare, Expression, OneOf, Required, Rule, TypeCheck
from registry_pipeline.deid.guard import Identifiers
from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.mapping import LINE
from registry_pipeline.ingest.cast import cast_batch

FINDINGS = {"row": pl.UInt32, "rule_id": pl.String, "column_name": pl.String}
"""One row per finding: the row of the batch (from 0), the rule it breaks, the column concerned."""
_NAMED_PLACES = 5
"""Cells that the refusal of a delivery names; the others are counted."""


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
        self.keys = [column.name for column in table.contract.columns if self._is_id(column.name)]
        listed = {rule.column for rule in table.contract.rules if isinstance(rule.check, OneOf)}
        self.open_columns = [
            name
            for name, dtype in table.dtypes.items()
            if dtype == pl.String and name not in {*listed, *self.free_text, "clinic_id"}
        ]

    def _is_id(self, column: str) -> bool:
        """Tell whether a column holds ids: keys of this table, or of the one that it points to."""
        return column in self.table.contract.key or column.endswith("_id")

    def judge(self, text: pl.DataFrame) -> Judged:
        """Judge a batch of the contract's columns as text.

        Raises:
            DeliveryRefusedError: If a cell that is no free text holds a direct identifier.
        """
        foreign = self._renamed(self._foreign_clinic(text), text)
        if "clinic_id" in self.table.dtypes:
            text = text.with_columns(pl.lit(self.clinic_id).alias("clinic_id"))
        typed, unread = cast_batch(text, self.table)
        broken = pl.concat([unread, self.table.findings(typed)])
        renamed = self._renamed(self._without_echoes(self._named(broken)), text)
        cells = pl.concat([foreign, renamed, self._in_open_columns(text)]).unique(maintain_order=True)
        self._refuse_direct(cells, text)
        findings = pl.concat([cells, self._in_free_text(text)])
        if findings.is_empty():
            return Judged(typed, findings, findings)
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
        # Most batches have no findings, and a small file pays for every query that is run for nothing.
        unread = findings if findings.is_empty() else findings.filter(pl.col("rule_id").is_in(self._ids_of(TypeCheck)))
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
        if findings.is_empty():
            return findings
        parts = [findings.filter(pl.col("column_name").is_null())]
        for (column,), group in findings.filter(pl.col("column_name").is_not_null()).group_by(
            "column_name", maintain_order=True
        ):
            name = str(column)
            cells = text[name].gather(group["row"])
            seen = self.identifiers.in_refused_cells(cells, name, is_key=name in self.keys)
            parts.append(group.with_columns(pl.coalesce(seen, pl.col("rule_id")).alias("rule_id")))
        return pl.concat(parts)

    def _in_open_columns(self, text: pl.DataFrame) -> pl.DataFrame:
        """Find identifiers in the ids and codes that no closed list bounds, whatever else is right with them."""
        return _found(
            {name: self.identifiers.in_ids(text[name], name, is_key=name in self.keys) for name in self.open_columns}
        )

    def _in_free_text(self, text: pl.DataFrame) -> pl.DataFrame:
        return _found({name: self.identifiers.in_free_text(text[name]) for name in self.free_text})

    def _refuse_direct(self, findings: pl.DataFrame, text: pl.DataFrame) -> None:
        """Refuse the delivery if a cell that is no free text holds a direct identifier.

        Raises:
            DeliveryRefusedError: With the kind, the column and the line of the first such cells of the batch.
        """
        direct = findings.filter(pl.col("rule_id").is_in(self.identifiers.refuse_delivery)).sort("row", "column_name")
        if direct.is_empty():
            return
        lines = text[LINE].gather(direct["row"]).to_list()
        cells = list(zip(direct["rule_id"], direct["column_name"], lines, strict=True))
        places = [f"line {line}, `{column}` ({kind_of(rule_id)})" for rule_id, column, line in cells[:_NAMED_PLACES]]
        n_more = len(cells) - len(places)
        raise DeliveryRefusedError(
            cells[0][0],
            f"The file shows who a person is: {'; '.join(places)}{f'; and at least {n_more} more' if n_more else ''}.",
            remedy="Take this out of every line, find out how it came in, and send the file again under the same name.",
            line=lines[0],
        )


def kind_of(rule_id: str) -> str:
    """Return in words what kind of identifier a finding is."""
    return rule_id.removeprefix("deid.").replace("_", " ")


def _found(rule_ids: dict[str, pl.Series]) -> pl.DataFrame:
    """Return findings of columns in which some cells have a rule id."""
    found = [pl.DataFrame(schema=FINDINGS)]
    for column, seen in rule_ids.items():
        rows = seen.is_not_null().arg_true()
        found.append(
            pl.DataFrame({"row": rows.cast(pl.UInt32), "rule_id": seen.gather(rows)}).with_columns(
                pl.lit(column).alias("column_name")
            )
        )
    return pl.concat(found)
