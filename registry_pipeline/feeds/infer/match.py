"""Which table a rectangle of records is of, and which of its columns is which of the contract's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from registry_pipeline.contracts.load import Contracts
from registry_pipeline.contracts.model import Column, TableContract
from registry_pipeline.feeds.infer.names import SURE, NameMatch, Names
from registry_pipeline.feeds.infer.sample import SourceColumn
from registry_pipeline.feeds.infer.values import ValueMatch, Values

_LEAST = 0.55
"""A match below this is only a candidate, shown in a comment."""
_BY_WORDS_ALONE, _ENOUGH_WORDS, _COVERED = 0.6, 3, 0.9
_MOST_WORDS = 60
_WRONG_TYPE = 0.4
_MOSTLY_NUMBERS = 0.5
_HINT, _OF_REQUIRED = 0.15, 0.5
_MIN_OWN = 2


@dataclass(frozen=True)
class ColumnMatch:
    """A source column that seems to be a column of the contract."""

    source: str
    column: Column
    score: float
    unit: str | None = None
    values: ValueMatch | None = None

    @property
    def is_sure(self) -> bool:
        """Tell whether no person needs to look."""
        return self.score >= SURE and self.unit is None


@dataclass(frozen=True)
class TableMatch:
    """A table that a rectangle of records seems to hold."""

    contract: TableContract
    columns: list[ColumnMatch] = field(default_factory=list)
    score: float = 0.0

    @property
    def sources(self) -> set[str]:
        """Return the source columns it takes."""
        return {match.source for match in self.columns}

    @property
    def missing(self) -> list[Column]:
        """Return the required columns that nothing was found for."""
        found = {match.column.name for match in self.columns}
        return [column for column in self.contract.columns if is_needed(column) and column.name not in found]


def is_needed(column: Column) -> bool:
    """Tell whether a file or its feed must give a column; the clinic's own id is known anyway."""
    return column.is_required and column.name != "clinic_id"


@dataclass(frozen=True)
class Matcher:
    """Matches columns of one file."""

    contracts: Contracts
    names: Names
    values: Values
    prefixes: frozenset[str]
    """First words that several columns of the file share."""

    def table_of(
        self, sources: Sequence[SourceColumn], hints: Iterable[str], among: Iterable[str] | None = None
    ) -> TableMatch | None:
        """Return the table that the columns fit best, or None if they fit none.

        Args:
            sources: The columns, without any that announce an identifier.
            hints: Names that may say it: of the file, the sheet, the event.
            among: Only these tables.
        """
        hints = list(hints)
        delivered = [table for table in self.contracts.tables.values() if table.is_delivered]
        tables = [table for table in delivered if among is None or table.name in among]
        matches = [self._scored(self.assign(sources, table), sources, hints) for table in tables]
        best = max(matches, key=lambda match: match.score)
        return self.writable(best) if _n_own(best) >= _MIN_OWN else None

    def _scored(self, match: TableMatch, sources: Sequence[SourceColumn], hints: list[str]) -> TableMatch:
        needed = [column for column in match.contract.columns if is_needed(column)]
        of_file = sum(column.score for column in match.columns) / max(len(sources), 1)
        of_required = 1 - len(match.missing) / max(len(needed), 1)
        hint = _HINT if self.names.table_hint(hints, match.contract.name) else 0.0
        score = (1 - _OF_REQUIRED) * of_file + _OF_REQUIRED * of_required + hint
        return TableMatch(match.contract, match.columns, score)

    def assign(self, sources: Sequence[SourceColumn], table: TableContract) -> TableMatch:
        """Give each column of a table the source column that fits it best, the best fits first."""
        found = [
            match
            for source in sources
            for column in table.columns
            if (match := self.fit(source, table, column)).score >= _LEAST
        ]
        taken: dict[str, ColumnMatch] = {}
        used: set[str] = set()
        for match in sorted(found, key=lambda match: -match.score):
            if match.source not in used and match.column.name not in taken:
                taken[match.column.name] = match
                used.add(match.source)
        matches = [taken[column.name] for column in table.columns if column.name in taken]
        return TableMatch(table, matches)

    def writable(self, table: TableMatch) -> TableMatch:
        """Return a match without the words of the file that must not be written."""
        columns = [
            replace(match, values=self.values.writable(match.values)) if match.values else match
            for match in table.columns
        ]
        return replace(table, columns=columns)

    def fit(self, source: SourceColumn, table: TableContract, column: Column) -> ColumnMatch:
        """Return how well one source column fits one column of a table."""
        name = self.names.match(source.name, self.prefixes, table, column)
        values = self.values.match(source, table, column) if name.score or _may_be_words(source) else None
        return ColumnMatch(source.name, column, _score(name, values, source, column), name.unit, values)

    def candidates(self, source: SourceColumn, n: int = 3) -> list[str]:
        """Return the columns of any table that a source column is likest, as `table.column`, the likest first."""
        fits = [
            (self.fit(source, table, column).score, f"{table.name}.{column.name}")
            for table in self.contracts.tables.values()
            if table.is_delivered
            for column in table.columns
        ]
        return [name for score, name in sorted(fits, key=lambda fit: (-fit[0], fit[1])) if score > 0][:n]


def _score(name: NameMatch, values: ValueMatch | None, source: SourceColumn, column: Column) -> float:
    score = name.score
    if len(source.cells) == 0:
        return score
    is_number = column.physical_type not in ("VARCHAR", "BOOLEAN")
    if is_number and source.numeric_share < _MOSTLY_NUMBERS:
        return score * _WRONG_TYPE
    if values is None:
        return score
    is_understood = values.coverage >= _COVERED
    if score == 0 and is_understood and values.n_words >= _ENOUGH_WORDS and column.physical_type != "BOOLEAN":
        return _BY_WORDS_ALONE
    return score if is_understood or score >= SURE else score * values.coverage


def _may_be_words(source: SourceColumn) -> bool:
    """Tell whether the words of a column whose name says nothing may still tell what it is."""
    return source.numeric_share == 0 and _ENOUGH_WORDS <= len(source.words) <= _MOST_WORDS


def _n_own(match: TableMatch) -> int:
    """Count the columns that say something of the table itself: neither a key of another table nor the clinic."""
    foreign = {key.column for key in match.contract.foreign_keys} | {"clinic_id"}
    return sum(found.column.name not in foreign for found in match.columns)
