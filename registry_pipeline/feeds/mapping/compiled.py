"""One table mapping, compiled for the columns that a file really has."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from registry_pipeline.contracts.model import TableContract
from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.column_patterns import is_ignored
from registry_pipeline.feeds.mapping import convert
from registry_pipeline.feeds.mapping.columns import CELL, ColumnExpressions, days_name, filled, set_name
from registry_pipeline.feeds.model import SYSTEM_COLUMNS, FileFeed, TableMapping, Unpivot

LINE = "__line"
"""The physical line of a record, from 1, in raw and mapped frames. The prefix keeps it apart from clinics' columns."""


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
        return not self._mapping.where and not self._mapping.any_filled

    @property
    def kept_columns(self) -> list[str]:
        """Return the columns that a refused record is kept with: all but those that the feed ignores."""
        mapped = self._mapping.sources
        return [name for name in self.source_columns if name in mapped or not is_ignored(name, self._entry.ignore)]

    def claims(self) -> pl.Expr:
        """Return which raw rows a mapping with a `where` or `any_filled` takes."""
        conditions = [pl.col(name).is_in(values) for name, values in self._mapping.where.items()]
        if self._mapping.any_filled:
            cells = [filled(name, self._entry.null_values) for name in self._mapping.any_filled]
            conditions.append(convert.is_any_filled(cells))
        return pl.all_horizontal(*conditions).fill_null(value=False)

    def records(self, raw: pl.DataFrame) -> pl.DataFrame:
        """Return the raw rows that are records of this table: filtered, and unpivoted when the feed says so.

        Calendar dates end here: what is handed on has their distance from the anchor, and a note in their place.
        """
        rows = raw if self.takes_every_row else raw.filter(self.claims())
        if self._added:
            rows = rows.with_columns(self._added)
        return rows if self._mapping.unpivot is None else self._unpivoted(rows, self._mapping.unpivot)

    @cached_property
    def _added(self) -> list[pl.Expr]:
        """Return what rows carry beside the file's own columns, and the notes in place of dates."""
        empty = self._entry.null_values
        looked_up = [
            filled(source, empty)
            .replace({word: constants[name] or None for word, constants in words.items()})
            .alias(set_name(name))
            for source, words in self._mapping.lookup.items()
            for name in next(iter(words.values()))
        ]
        days = [
            convert.days_between(
                filled(str(column.source), empty), filled(str(column.minus), empty), column.dates
            ).alias(days_name(target))
            for target, column in self._mapping.columns.items()
            if column.dates is not None
        ]
        notes = [
            pl.when(filled(name, empty).is_not_null()).then(pl.lit(convert.WITHHELD)).alias(name)
            for name in sorted(self._mapping.date_columns)
        ]
        return [*looked_up, *days, *notes]

    def _unpivoted(self, rows: pl.DataFrame, unpivot: Unpivot) -> pl.DataFrame:
        return pl.concat(
            [
                rows.with_columns(
                    pl.col(source).alias(CELL),
                    *(
                        pl.lit(constants.get(name) or None, dtype=pl.String).alias(set_name(name))
                        for name in unpivot.sets
                    ),
                ).filter(filled(CELL, self._entry.null_values).is_not_null())
                for source, constants in unpivot.columns.items()
            ],
        ).sort(LINE, maintain_order=True)

    def to_contract(self, records: pl.DataFrame) -> pl.DataFrame:
        """Return the records with the contract's columns (text, null when empty), system columns if sent, the line."""
        names = [column.name for column in self._contract.columns]
        given = {*self.source_columns, *self._mapping.columns}
        extra = [name for name in SYSTEM_COLUMNS if name not in names and name in given]
        columns = ColumnExpressions(self._entry, self._mapping, self._contract, frozenset(self.source_columns))
        return records.select(*(columns.of(name).alias(name) for name in [*names, *extra]), pl.col(LINE))


def _identity_columns(mapping: TableMapping, contract: TableContract) -> set[str]:
    """Return the source columns that map themselves when a file has them."""
    names = {column.name for column in contract.columns} | set(SYSTEM_COLUMNS)
    taken = set(mapping.columns) | mapping.sets | ({mapping.unpivot.into} if mapping.unpivot else set())
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
    _refuse_unmapped(unmapped_columns(entry, mappings, contracts, columns), present)
    for mapping in mappings:
        contract = contracts[mapping.table]
        if missing := sorted(mapping.sources - present):
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


def unmapped_columns(
    entry: FileFeed, mappings: Sequence[TableMapping], contracts: dict[str, TableContract], columns: Sequence[str]
) -> list[str]:
    """Return the columns of a file that no mapping takes and the feed does not ignore."""
    known: set[str] = set()
    for mapping in mappings:
        known |= mapping.sources | _identity_columns(mapping, contracts[mapping.table])
    return [name for name in columns if name not in known and not is_ignored(name, entry.ignore)]


def _refuse_unmapped(unmapped: list[str], present: set[str]) -> None:
    if len(unmapped) == len(present):
        # Without a header line the "names" are the first patient's values: they must not reach a message.
        raise DeliveryRefusedError(
            "delivery.header",
            "No column of the file is one that the feed or the contract knows.",
            remedy="Send the file with its header line, in the delimiter and encoding that the feed names.",
            line=1,
        )
    if unmapped:
        raise DeliveryRefusedError(
            "delivery.unmapped_column",
            f"The feed does not say what {_listed(sorted(unmapped))} is.",
            remedy="Map it in the feed, or list it under `ignore`.",
            line=1,
        )


def _refuse_absent_required(mapping: TableMapping, contract: TableContract, present: set[str]) -> None:
    given = set(mapping.columns) | mapping.sets | (present & _identity_columns(mapping, contract))
    if mapping.unpivot is not None:
        given |= {mapping.unpivot.into}
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
