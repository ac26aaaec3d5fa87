"""Which column of the contract a column's name points to: the same name, a reviewed synonym, or a close spelling."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property, lru_cache

from registry_pipeline.contracts.model import Column, TableContract
from registry_pipeline.contracts.vocabulary import read_vocabulary
from registry_pipeline.deid.columns import words_of
from registry_pipeline.feeds.units import convertible
from registry_pipeline.settings import Settings

SURE = 0.9
"""A match of this score or more needs no question mark."""
_SAME, _SYNONYM, _WITHOUT_PREFIX, _OTHER_UNIT, _CLOSE = 1.0, 0.95, 0.04, 0.8, 0.7
_SIMILAR = 0.84
_WORTH_NAMING = 0.35
_MIN_PREFIXED = 3
_UNITS = {
    "lbs": "lb",
    "pounds": "lb",
    "inch": "in",
    "inches": "in",
    "hours": "h",
    "hrs": "h",
    "ug": "mcg",
    "yrs": "years",
}
_UNITS |= {"sec": "s", "seconds": "s", "week": "weeks", "wk": "weeks", "year": "years"}


@dataclass(frozen=True)
class NameMatch:
    """How well a source column's name fits a column of the contract."""

    score: float
    """In [0, 1]."""
    unit: str | None = None
    """The unit that the name says, when it is another than the contract's."""


def joined(words: Iterable[str]) -> str:
    """Return words as one text, so that `weightKg`, `weight_kg` and `Weight (kg)` are the same."""
    return "".join(word for word in words if word != "per")


_words = lru_cache(maxsize=10_000)(words_of)


@dataclass(frozen=True)
class Names:
    """Knows the synonyms in force."""

    rows: tuple[dict[str, str], ...]

    @cached_property
    def _columns(self) -> dict[tuple[str, str], set[str]]:
        """(table or "", column) → joined synonyms; under column "" those of the table itself."""
        by_column: dict[tuple[str, str], set[str]] = {}
        for row in self.rows:
            by_column.setdefault((row["table"], row["column"]), set()).add(joined(words_of(row["word"])))
        return by_column

    def match(self, name: str, prefixes: frozenset[str], table: TableContract, column: Column) -> NameMatch:
        """Return how well a source column's name fits a column of a table."""
        words = _words(name)
        best = self._match_words(words, table, column)
        if words and words[0] in prefixes and len(words) > 1:
            inner = self._match_words(words[1:], table, column)
            best = max(
                best, NameMatch(max(inner.score - _WITHOUT_PREFIX, 0), inner.unit), key=lambda match: match.score
            )
        return best

    def _match_words(self, words: tuple[str, ...], table: TableContract, column: Column) -> NameMatch:
        name, ours = joined(words), joined(_words(column.name))
        if name == ours:
            return NameMatch(_SAME)
        synonyms = self._columns.get((table.name, column.name), set()) | self._columns.get(("", column.name), set())
        if name in synonyms:
            return NameMatch(_SYNONYM)
        if (unit := self._unit(words, column, synonyms)) is not None:
            return NameMatch(_SYNONYM) if unit == column.unit else NameMatch(_OTHER_UNIT, unit)
        ratio = _similarity(name, ours)
        return NameMatch(_CLOSE * ratio if ratio >= _SIMILAR else 0.0)

    def _unit(self, words: tuple[str, ...], column: Column, synonyms: set[str]) -> str | None:
        """Return the unit at the end of a name such as `Gewicht_kg` or `weight_lb`, if the quantity is the column's."""
        if column.unit is None:
            return None
        ours = _words(column.unit)
        quantity = joined(word for word in _words(column.name) if word not in ours)
        for unit in (column.unit, *convertible(column.unit)):
            unit_words = _words(unit)
            tail = tuple(_UNITS.get(word, word) for word in words[-len(unit_words) :])
            if tail == unit_words and joined(words[: -len(unit_words)]) in {quantity, *synonyms}:
                return unit
        return None

    def nearest(self, name: str, tables: Iterable[TableContract], n: int = 2) -> list[str]:
        """Return the columns of some tables that a name is closest to, as `table.column`, the closest first."""
        text = joined(_words(name))
        ranked = sorted(
            (
                -max(
                    self.match(name, frozenset(_words(name)[:1]), table, column).score,
                    _similarity(text, joined(_words(column.name))) * _CLOSE,
                ),
                f"{table.name}.{column.name}",
            )
            for table in tables
            for column in table.columns
        )
        return [target for score, target in ranked if -score >= _WORTH_NAMING][:n]

    def table_hint(self, texts: Iterable[str], table: str) -> bool:
        """Tell whether a file's or sheet's name says which table it holds."""
        words = self._columns.get((table, ""), set()) | {joined(words_of(table))}
        return any(joined(word for word in words_of(text) if not word.isdigit()) in words for text in texts)


@lru_cache(maxsize=100_000)
def _similarity(name: str, ours: str) -> float:
    return SequenceMatcher(None, name, ours).ratio()


def shared_prefixes(names: Iterable[str]) -> frozenset[str]:
    """Return first words that several columns share, as REDCap forms have them (`ses_route`, `ses_drug`)."""
    firsts = [words[0] for name in names if len(words := words_of(name)) > 1]
    return frozenset(first for first in firsts if firsts.count(first) >= _MIN_PREFIXED)


def load_names(settings: Settings) -> Names:
    """Read `column_synonyms.csv`.

    Raises:
        ContractError: If it cannot be read.
    """
    return Names(read_vocabulary(settings.vocabulary_path("column_synonyms.csv")))
