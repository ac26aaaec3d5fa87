"""A feed's mapping as polars expressions: from a clinic's columns, all text, to the contract's columns, all text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from registry_pipeline.contracts.model import TableContract
from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.model import ColumnMapping, FileFeed, TableMapping

LINE = "__line"
"""The physical line of a record, from 1, in raw and mapped frames. The prefix keeps it apart from clinics' columns."""

_PLACEHOLDER = re.compile(r"\{([^{}]+?)(?::0(\d+))?\}")
"""`{name}`, or `{name:026}` for a number filled up with zeros on the left."""


@dataclass(frozen=True)
class CompiledMapping:
    """One table mapping, ready to run on raw batches that have the columns it was compiled for."""

    table: str
    source_columns: tuple[str, ...]
    _entry: FileFeed
    _mapping: TableMapping
    _contract: TableContract

    @property
    def takes_every_row(self) -> bool:
        """Tell whether every row of its file or sheet is a record of this table."""
        return not self._mapping.where

    def claims(self) -> pl.Expr:
        """Return which raw rows a mapping with a `where` takes."""
        conditions = (pl.col(name).is_in(values) for name, values in self._mapping.where.items())
        return pl.all_horizontal(*conditions).fill_null(value=False)

    def records(self, raw: pl.DataFrame) -> pl.DataFrame:
        """Return the raw rows that are records of this table: filtered by `where`, unpivoted when the feed says so."""
        rows = raw if self.takes_every_row else raw.filter(self.claims())
        if self._mapping.unpivot is None:
            return rows
        return pl.concat(
            [
                rows.with_columns(
                    pl.col(source).alias(_UNPIVOTED),
                    *(pl.lit(value, dtype=pl.String).alias(name) for name, value in constants.items()),
                ).filter(_text(_UNPIVOTED, self._entry).is_not_null())
                for source, constants in self._mapping.unpivot.columns.items()
            ],
            how="diagonal",
        ).sort(LINE, maintain_order=True)

    def to_contract(self, records: pl.DataFrame) -> pl.DataFrame:
        """Return the records with the contract's columns (text, null when empty), `clinic_id` if sent, and the line."""
        names = [column.name for column in self._contract.columns]
        extra = ["clinic_id"] if "clinic_id" not in names and "clinic_id" in records.columns else []
        return records.select(
            *(self._expression(name, set(records.columns)).alias(name) for name in [*names, *extra]), pl.col(LINE)
        )

    def _expression(self, name: str, available: set[str]) -> pl.Expr:
        mapping = self._mapping.columns.get(name)
        if mapping is None and self._mapping.unpivot is not None and name == self._mapping.unpivot.into:
            expression = _text(_UNPIVOTED, self._entry)
        elif mapping is None:
            expression = _text(name, self._entry) if name in available else pl.lit(None, dtype=pl.String)
        else:
            expression = _mapped(mapping, self._entry)
        column = self._contract.column(name)
        if self._entry.csv.decimal == "," and column is not None and column.physical_type.startswith("DECIMAL"):
            expression = expression.str.replace(",", ".", literal=True)
        return expression


_UNPIVOTED = "__cell"


def _text(source: str, entry: FileFeed) -> pl.Expr:
    """Return a source column; the feed's own words for "empty" become null."""
    text = pl.col(source)
    return pl.when(~text.is_in(entry.null_values)).then(text) if entry.null_values else text


def _mapped(mapping: ColumnMapping, entry: FileFeed) -> pl.Expr:
    if mapping.constant is not None:
        return pl.lit(mapping.constant, dtype=pl.String)
    if mapping.template is not None:
        return _templated(mapping.template)
    text = _text(str(mapping.source), entry)
    return text.replace(dict(mapping.values)) if mapping.values else text


def _templated(template: str) -> pl.Expr:
    parts: list[pl.Expr] = []
    # split() gives text, name, width, text, name, width, … text
    texts, names, widths = (_PLACEHOLDER.split(template)[index::3] for index in range(3))
    for text, name, width in zip(texts, [*names, None], [*widths, None], strict=True):
        parts.append(pl.lit(text))
        if name is not None:
            cell = pl.col(name)
            parts.append(cell.str.zfill(int(width)) if width else cell)
    return pl.concat_str(parts)


def _used_columns(mapping: TableMapping) -> set[str]:
    """Return the source columns that a table mapping reads under a name of its own."""
    used = set(mapping.where)
    provided: set[str] = set()
    if mapping.unpivot is not None:
        used |= set(mapping.unpivot.columns)
        provided = {name for constants in mapping.unpivot.columns.values() for name in constants}
    for column in mapping.columns.values():
        used |= {column.source} if column.source is not None else set()
        used |= {name for name, _ in _PLACEHOLDER.findall(column.template or "")} - provided
    return used


def _identity_columns(mapping: TableMapping, contract: TableContract) -> set[str]:
    """Return the source columns that map themselves when a file has them."""
    names = {column.name for column in contract.columns} | {"clinic_id"}
    taken = set(mapping.columns) | ({mapping.unpivot.into} if mapping.unpivot else set())
    return names - taken


def compile_mappings(
    entry: FileFeed, mappings: Sequence[TableMapping], contracts: dict[str, TableContract], columns: Sequence[str]
) -> list[CompiledMapping]:
    """Compile the mappings of one file (or sheet) for the columns it really has.

    Raises:
        DeliveryRefusedError: If the file has a column that no mapping takes and the feed does not ignore, or lacks one
            that a mapping needs.
    """
    present = set(columns)
    known = set(entry.ignore)
    for mapping in mappings:
        known |= _used_columns(mapping) | _identity_columns(mapping, contracts[mapping.table])
    _refuse_unknown(present, known)
    for mapping in mappings:
        contract = contracts[mapping.table]
        if missing := sorted(_used_columns(mapping) - present):
            raise DeliveryRefusedError(
                "delivery.missing_column",
                f"The file lacks {_listed(missing)}, which the feed maps to {mapping.table}.",
                remedy="Send the column again, or change the feed.",
                line=1,
            )
        _refuse_absent_required(mapping, contract, present)
    return [
        CompiledMapping(mapping.table, tuple(columns), entry, mapping, contracts[mapping.table]) for mapping in mappings
    ]


def _refuse_unknown(present: set[str], known: set[str]) -> None:
    if not present & known:
        # Without a header line the "names" are the first patient's values: they must not reach a message.
        raise DeliveryRefusedError(
            "delivery.header",
            "No column of the file is one that the feed or the contract knows.",
            remedy="Send the file with its header line, in the delimiter and encoding that the feed names.",
            line=1,
        )
    if unmapped := sorted(present - known):
        raise DeliveryRefusedError(
            "delivery.unmapped_column",
            f"The feed does not say what {_listed(unmapped)} is.",
            remedy="Map it in the feed, or list it under `ignore`.",
            line=1,
        )


def _refuse_absent_required(mapping: TableMapping, contract: TableContract, present: set[str]) -> None:
    unpivot = mapping.unpivot
    given = set(mapping.columns) | (present & _identity_columns(mapping, contract))
    if unpivot is not None:
        given |= {unpivot.into}.union(*(set(constants) for constants in unpivot.columns.values()))
    required = {column.name for column in contract.columns if column.is_required} - {"clinic_id"}
    if absent := sorted(required - given):
        raise DeliveryRefusedError(
            "delivery.missing_column",
            f"The table {contract.name} requires {_listed(absent)}, which the file lacks and the feed does not set.",
            remedy="Send the column, or set it in the feed.",
            line=1,
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
