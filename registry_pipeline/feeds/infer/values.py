"""Which words of a column mean which words of the contract: by spelling, or by the reviewed list of synonyms.

A word that is neither is never written anywhere, only counted.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import polars as pl

from registry_pipeline.contracts.model import Column, OneOf, TableContract
from registry_pipeline.contracts.vocabulary import read_vocabulary
from registry_pipeline.deid.columns import words_of
from registry_pipeline.deid.patterns import Patterns, load_patterns
from registry_pipeline.feeds.infer.sample import SourceColumn
from registry_pipeline.settings import Settings

_MOST_WORDS, _LONGEST = 20, 40
_MOST_COMPARED = 200
"""A column with more distinct words than this is no category."""
_BOOLEAN = "boolean"
_READ_AS_BOOLEAN = ("true", "1", "yes", "t", "y", "false", "0", "no", "f", "n")


@dataclass(frozen=True)
class ValueMatch:
    """How the words of a source column fit a closed list."""

    values: dict[str, str]
    """The clinic's word → ours, where they differ."""
    n_words: int
    n_unknown: int

    @property
    def coverage(self) -> float:
        """Return which part of the distinct words is understood, in [0, 1]."""
        return 1 - self.n_unknown / self.n_words if self.n_words else 0.0


@dataclass(frozen=True)
class Values:
    """Knows the synonyms and the patterns of identifiers in force."""

    rows: tuple[dict[str, str], ...]
    patterns: Patterns

    @cached_property
    def _synonyms(self) -> dict[tuple[str, str], list[str]]:
        """(column or "" or "boolean", joined word) → our words."""
        synonyms: dict[tuple[str, str], list[str]] = {}
        for row in self.rows:
            synonyms.setdefault((row["column"], _joined(row["word"])), []).append(row["value"])
        return synonyms

    def match(self, source: SourceColumn, table: TableContract, column: Column) -> ValueMatch | None:
        """Return how a column's words fit a column of the contract, or None if that has no closed list."""
        listed = closed_list(table, column)
        if not listed:
            return None
        if len(source.words) > _MOST_COMPARED:
            return ValueMatch({}, len(source.words), len(source.words))
        by_spelling = {_joined(word): word for word in listed}
        values: dict[str, str] = {}
        n_unknown = 0
        for word in source.words:
            ours = self._ours(word, column, listed, by_spelling)
            n_unknown += ours is None
            if ours is not None and ours != word:
                values[word] = ours
        return ValueMatch(values, len(source.words), n_unknown)

    def _ours(self, word: str, column: Column, listed: tuple[str, ...], by_spelling: dict[str, str]) -> str | None:
        if word in listed:
            return word
        is_boolean = column.physical_type == "BOOLEAN"
        if is_boolean and word.lower() in _READ_AS_BOOLEAN:
            return word
        if (spelled := by_spelling.get(_joined(word))) is not None:
            return spelled
        names = (_BOOLEAN,) if is_boolean else (column.name, "")
        found = (value for name in names for value in self._synonyms.get((name, _joined(word)), []))
        return next((value for value in found if value in listed), None)

    def writable(self, match: ValueMatch) -> ValueMatch:
        """Return what of a match may be written: short category words, in which no pattern sees an identifier."""
        words = pl.Series("text", list(match.values), dtype=pl.String)
        suspects = set(words.filter(self.patterns.in_text.first_match(words).is_not_null()).to_list())
        is_category = match.n_words <= _MOST_WORDS
        kept = {
            word: ours
            for word, ours in match.values.items()
            if is_category and len(word) <= _LONGEST and word not in suspects
        }
        n_withheld = len(match.values) - len(kept)
        return ValueMatch(kept, match.n_words, match.n_unknown + n_withheld)


def closed_list(table: TableContract, column: Column) -> tuple[str, ...]:
    """Return the words that a column of the contract may hold, or none if any may."""
    if column.physical_type == "BOOLEAN":
        return ("true", "false")
    checks = [rule.check for rule in table.rules if rule.column == column.name]
    return next((check.values for check in checks if isinstance(check, OneOf)), ())


@lru_cache(maxsize=100_000)
def _joined(word: str) -> str:
    # A word of signs alone, such as `+`, is kept as it is.
    return "".join(words_of(word)) or word


def load_values(settings: Settings) -> Values:
    """Read `value_synonyms.csv` and the patterns of identifiers.

    Raises:
        ContractError: If one cannot be read.
    """
    return Values(
        read_vocabulary(settings.vocabulary_path("value_synonyms.csv")),
        load_patterns(settings.vocabulary_path("deid_patterns.csv")),
    )
