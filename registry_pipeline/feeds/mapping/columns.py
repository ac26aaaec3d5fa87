"""What a feed says of one column of the contract, as an expression over the rows of a file.

Beside the file's own columns, rows carry what the feed itself sets (`lookup`, `unpivot`, days between dates) under
prefixed names, so that a column of the file is never overwritten.
"""

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from registry_pipeline.contracts.model import TableContract
from registry_pipeline.feeds.mapping import convert
from registry_pipeline.feeds.model import PLACEHOLDER, ColumnMapping, FileFeed, TableMapping
from registry_pipeline.feeds.units import factor

CELL = "__cell"
"""The cell that `unpivot` made a record of."""


def set_name(name: str) -> str:
    """Return under which name rows carry something that the feed itself sets."""
    return f"__set_{name}"


def days_name(target: str) -> str:
    """Return under which name rows carry the days between two dates."""
    return f"__days_{target}"


def filled(source: str, null_values: Collection[str]) -> pl.Expr:
    """Return a source column; the feed's own words for "empty" become null."""
    text = pl.col(source)
    return pl.when(~text.is_in(null_values)).then(text) if null_values else text


@dataclass(frozen=True)
class ColumnExpressions:
    """Builds the expression of each column of one table mapping."""

    entry: FileFeed
    mapping: TableMapping
    contract: TableContract
    present: frozenset[str]
    """The columns that the file has."""

    def of(self, name: str) -> pl.Expr:
        """Return the expression of a column of the contract; null where the feed and the file have nothing for it."""
        mapping = self.mapping.columns.get(name)
        if mapping is not None:
            return self._with_point(name, self._mapped(name, mapping))
        if name in self.mapping.sets:
            return pl.col(set_name(name))
        if self.mapping.unpivot is not None and name == self.mapping.unpivot.into:
            return self._with_point(name, filled(CELL, self.entry.null_values))
        if name in self.present:
            return self._with_point(name, self._text(name))
        return pl.lit(None, dtype=pl.String)

    def _text(self, source: str) -> pl.Expr:
        if source in self.mapping.sets:
            return pl.col(set_name(source))
        return filled(source, self.entry.null_values)

    def _with_point(self, name: str, expression: pl.Expr) -> pl.Expr:
        """Write a decimal with a point; ids and words keep their commas."""
        column = self.contract.column(name)
        if self.entry.csv.decimal == "," and column is not None and column.physical_type.startswith("DECIMAL"):
            return expression.str.replace(",", ".", literal=True)
        return expression

    def _mapped(self, name: str, mapping: ColumnMapping) -> pl.Expr:
        decimal, places = self.entry.csv.decimal, self._places(name)
        if mapping.constant is not None:
            return pl.lit(mapping.constant, dtype=pl.String)
        if mapping.template is not None:
            return self._templated(mapping.template)
        if mapping.sum_of is not None:
            return convert.total([self._text(source) for source in mapping.sum_of], decimal, places)
        if mapping.count_of is not None:
            return convert.n_filled([self._text(source) for source in mapping.count_of])
        if mapping.dates is not None:
            return pl.col(days_name(name))
        text = self._text(str(mapping.source))
        if mapping.values:
            text = text.replace(dict(mapping.values))
        return self._computed(name, mapping, text) if mapping.minus or mapping.unit else text

    def _computed(self, name: str, mapping: ColumnMapping, text: pl.Expr) -> pl.Expr:
        sent, value = [text], convert.number(text, self.entry.csv.decimal)
        for source, operation in ((mapping.minus, "-"), (mapping.weight, "*")):
            if source is None:
                continue
            sent.append(self._text(source))
            other = convert.number(sent[-1], self.entry.csv.decimal)
            value = value - other if operation == "-" else value * other
        column = self.contract.column(name)
        conversion = factor(mapping.unit, column.unit if column else None) if mapping.unit else None
        if conversion is None:
            return convert.or_as_sent(convert.unrounded(value, self._places(name)), sent)
        return convert.or_as_sent(convert.rounded(convert.times(value, conversion), self._places(name)), sent)

    def _places(self, name: str) -> int:
        column = self.contract.column(name)
        if column is None or not column.physical_type.startswith("DECIMAL("):
            return 0
        return int(column.physical_type[8:-1].split(",")[1])

    def _templated(self, template: str) -> pl.Expr:
        parts: list[pl.Expr] = []
        # split() gives text, name, width, text, name, width, … text
        texts, names, widths = (PLACEHOLDER.split(template)[index::3] for index in range(3))
        for text, name, width in zip(texts, [*names, None], [*widths, None], strict=True):
            parts.append(pl.lit(text))
            if name is not None:
                cell = pl.col(set_name(name)) if name in self.mapping.sets else pl.col(name)
                parts.append(cell.str.zfill(int(width)) if width else cell)
        return pl.concat_str(parts)
