"""Column names that announce an identifier: `first_name`, `PatName`, `Geburtsdatum`, `address.0.postalCode`.

What does not belong here: what the cells of a column hold (`patterns`, `names`), and what becomes of the delivery.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from registry_pipeline.content import content_path
from registry_pipeline.contracts.vocabulary import read_vocabulary

DATE = "date"
"""A calendar date that is no birth date: the one kind that an expert determination may let in."""

_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a column name, in small letters and without accents: `PatName.0` is (pat, name, 0)."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", name).translate(_UMLAUTS))
    return tuple(word.lower() for word in _WORD.findall("".join(c for c in letters if not unicodedata.combining(c))))


@dataclass(frozen=True)
class ColumnWords:
    """The rows of `deid_columns.csv`. Blanks in their words do not count, so `first name` is also `firstname`."""

    rows: tuple[dict[str, str], ...]

    @cached_property
    def _kinds(self) -> dict[str, dict[str, str]]:
        """Scope → words without blanks → kind."""
        kinds: dict[str, dict[str, str]] = {}
        for row in self.rows:
            kinds.setdefault(row["scope"], {}).setdefault(row["words"].replace(" ", ""), row["kind"])
        return kinds

    def kind(self, name: str) -> str | None:
        """Return the kind of identifier that a column name announces, such as `date_of_birth`, or None."""
        words = self._without_harmless(words_of(name))
        texts = tuple(word for word in words if not word.isdigit())
        bare = tuple(word for word in texts if word not in self._kinds["person"])
        candidates = [
            *(("anywhere", run) for run, _, _ in sorted(_runs(texts) + _runs(words), key=_length, reverse=True)),
            ("alone", "".join(bare)),
            ("last", bare[-1] if bare else ""),
        ]
        found = (self._kinds[scope][run] for scope, run in candidates if run in self._kinds[scope])
        return next(found, None) or next(self._by_ending(texts), None)

    def is_listed(self, name: str) -> bool:
        """Tell whether a column name is nothing but words of the list, so that it may be said aloud."""
        run = "".join(words_of(name))
        return any(run in words for scope, words in self._kinds.items() if scope not in {"never", "person"})

    def _without_harmless(self, words: tuple[str, ...]) -> tuple[str, ...]:
        for run, start, end in _runs(words):
            if run in self._kinds["never"]:
                return (*words[:start], *self._without_harmless(words[end:]))
        return words

    def _by_ending(self, texts: tuple[str, ...]) -> Iterator[str]:
        """German writes compounds in one word, and so do many databases: `Aufnahmedatum`, `patientfirstname`."""
        endings = self._kinds["ending"].items()
        return (kind for text in texts for ending, kind in endings if text.endswith(ending))


def _runs(words: tuple[str, ...]) -> list[tuple[str, int, int]]:
    """Return every run of neighbouring words, joined, with where it starts and ends."""
    places = [(start, end) for start in range(len(words)) for end in range(start + 1, len(words) + 1)]
    return [("".join(words[start:end]), start, end) for start, end in places]


def _length(run: tuple[str, int, int]) -> int:
    return len(run[0])


@cache
def load_column_words(path: Path) -> ColumnWords:
    """Read `deid_columns.csv`.

    Raises:
        ContractError: If it cannot be read.
    """
    return ColumnWords(read_vocabulary(path))


def identifier_column(name: str) -> str | None:
    """Return the kind of identifier that a column name announces by the shipped list (`name`, `email`…), or None."""
    return load_column_words(content_path("data_contracts/reference") / "deid_columns.csv").kind(name)
