"""Names of people in free text, told by dictionaries of first names and surnames and by the words around them.

A name word alone proves little: `rose`, `mark`, `will` and `grey` are in the dictionaries. So a mention takes two
neighbours that agree: a first name and a surname, a first name and an initial, `wife Anna`, `Karen reported`. What does
not belong here: names that a title announces (`Dr. Alvarez`), which a pattern finds.
"""

import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path

import polars as pl

from registry_pipeline.contracts.vocabulary import read_vocabulary

RULE_ID = "deid.person_name"

_LOCALES = ("en_US", "en_GB", "en_IN", "es_ES", "es_MX", "de_DE", "fr_FR", "it_IT", "pt_BR", "pl_PL", "nl_NL")
_SHORTEST = 3
"""Letters of the shortest name in use: two letters are more often an abbreviation."""
_PARTS = r"\p{L}[\p{L}\p{M}'\u2019]*|\d+|[^\s\p{L}\d]"
_TWO_WORDS = r"\p{L}[^\p{L}]+\p{L}"
_SMALL_WORD = r"(?:^|[^\p{L}'\u2019])\p{Ll}"
_END = " ¶ ¶ ¶"
"""Ends each text with signs, so that the neighbours of its last words are not the first words of the next text."""
_BATCH = 50_000
"""Distinct texts that are taken apart at a time."""


def _accents() -> dict[str, str]:
    """Return the accented small letters of Europe's Latin alphabets, each with its plain letters."""
    letters = {chr(code) for code in range(0xDF, 0x180)} | {chr(code) for code in range(0x300, 0x370)}
    plain = {letter: unicodedata.normalize("NFKD", letter)[0] for letter in letters if letter.islower()}
    marks = {letter: "" for letter in letters if unicodedata.combining(letter)}
    return (
        {x: y for x, y in plain.items() if y.isascii()} | marks | {"ł": "l", "ø": "o", "ß": "ss", "æ": "ae", "œ": "oe"}
    )


_ACCENTS = _accents()


def folded(text: pl.Expr) -> pl.Expr:
    """Return text in small letters without accents."""
    # Not by normalising: that costs ten times as much.
    return text.str.to_lowercase().str.replace_many(_ACCENTS)


@cache
def dictionaries() -> tuple[frozenset[str], frozenset[str]]:
    """Return the first names and the surnames of the locales, in small letters without accents."""
    first: set[str] = set()
    last: set[str] = set()
    for locale in _LOCALES:
        # Read as lists of words: the library's own generators are slow, and random.
        provider = vars(import_module(f"faker.providers.person.{locale}").Provider)
        first |= {word for key, names in provider.items() if key.startswith("first_names") for word in names}
        last |= {word for key, names in provider.items() if "last_names" in key for word in names}
    return _words(first), _words(last)


def _words(names: set[str]) -> frozenset[str]:
    text = pl.DataFrame({"name": sorted(names)}).select(folded(pl.col("name")).str.split(" ").explode())["name"]
    return frozenset(text.filter(text.str.contains(rf"^[a-z']{{{_SHORTEST},}}$")).to_list())


@dataclass(frozen=True)
class Names:
    """The dictionaries, read with the words of `deid_name_words.csv`."""

    words: tuple[dict[str, str], ...]

    def in_text(self, text: pl.Series) -> pl.Series:
        """Return, for each text, whether it mentions a person by name; false for null."""
        candidates = text.filter(text.str.contains(_TWO_WORDS)).unique()
        suspects = candidates.gather(self._rows_with_a_name_word(candidates))
        named = [self._named(suspects.slice(start, _BATCH)) for start in range(0, len(suspects), _BATCH)]
        if not named:
            return pl.repeat(value=False, n=len(text), eager=True)
        return text.is_in(pl.concat(named).implode()).fill_null(value=False)

    def _rows_with_a_name_word(self, text: pl.Series) -> pl.Series:
        """Return which of some texts hold a word of the dictionaries; few do, and only those are taken apart."""
        words = folded(pl.col("text")).str.replace_all(r"[^a-z]+", " ").str.split(" ").alias("word")
        exploded = text.to_frame("text").with_row_index("row").select("row", words).explode("word")
        return exploded.filter(pl.col("word").is_in(self._name_words))["row"].unique(maintain_order=True)

    @cached_property
    def _name_words(self) -> pl.Series:
        first, last = dictionaries()
        return pl.Series(sorted(first | last)).implode()

    @cached_property
    def _lists(self) -> dict[str, pl.Series]:
        first, last = dictionaries()
        roles = {f"is_{role}": [row["word"] for row in self.words if row["role"] == role] for role in _ROLES}
        lists: dict[str, list[str]] = {"is_first": sorted(first), "is_last": sorted(last), **roles}
        return {name: pl.Series(words, dtype=pl.String).implode() for name, words in lists.items()}

    def _named(self, text: pl.Series) -> pl.Series:
        """Return those of some texts that mention a person."""
        return text.gather(self._tokens(text).filter(_is_mention())["row"].unique())

    def _tokens(self, text: pl.Series) -> pl.DataFrame:
        """Return one row per word, number or sign of each text, with what it may be."""
        token, word = pl.col("token"), pl.col("word")
        return (
            text.to_frame("text")
            .with_row_index("row")
            .select(
                "row",
                (pl.col("text") + _END).str.extract_all(_PARTS).alias("token"),
                pl.col("text").str.contains(_SMALL_WORD).alias("has_small_words"),
            )
            .explode("token")
            .with_columns(folded(token).str.replace(r"['\u2019]s$", "").alias("word"))
            .with_columns(
                *(word.is_in(words).alias(name) for name, words in self._lists.items()),
                token.str.contains(r"^\p{Lu}").alias("is_capital"),
                token.str.contains(r"^\p{Lu}$").alias("is_initial"),
                token.str.contains(r"^\p{L}{3,}").alias("is_word"),
            )
            .with_columns(
                # Where every word has a capital, or the whole text is in capitals, a capital says nothing.
                (pl.col("is_capital") & pl.col("has_small_words")).alias("is_marked"),
                (pl.col("row") != pl.col("row").shift(1, fill_value=-1)).alias("is_start"),
            )
        )


_ROLES = ("ordinary", "relation", "cue", "verb")
"""Roles in `deid_name_words.csv`: everyday words that are names too; `wife`; `told`; `reported`."""


def _at(column: str, offset: int) -> pl.Expr:
    """Return a property of the token some places further on."""
    return pl.col(column).shift(-offset, fill_value=False)


def _is(sign: str, offset: int) -> pl.Expr:
    return pl.col("token").shift(-offset, fill_value="") == sign


def _sure(column: str, offset: int) -> pl.Expr:
    """Return whether a token is a name that is no everyday word."""
    return _at(column, offset) & ~_at("is_ordinary", offset)


def _is_mention() -> pl.Expr:
    """Return whether the name of a person begins at a token."""
    after_initial = _at("is_initial", 1) & _is(".", 2)
    return pl.any_horizontal(
        _pair(1),
        _at("is_initial", 1) & _pair(2),
        after_initial & _pair(3),
        _is("-", 1) & _at("is_first", 2) & _pair(3),
        _before_surname_unknown(),
        _sure("is_first", 0) & _at("is_capital", 0) & _at("is_initial", 1),
        _at("is_initial", 0) & _is(".", 1) & _sure("is_last", 2) & _at("is_capital", 2),
        _at("is_initial", 0) & _sure("is_last", 1) & _at("is_marked", 1),
        _is(",", 1) & _sure("is_first", 2) & _at("is_capital", 2) & _at("is_last", 0) & _at("is_capital", 0),
        _is(",", 1) & _sure("is_first", 2) & _sure("is_last", 0),
        _after_relation(1),
        (_is(",", 1) | _is(":", 1)) & _after_relation(2),
        _at("is_cue", 0) & _sure("is_first", 1) & _at("is_marked", 1),
        _sure("is_first", 0) & _at("is_capital", 0) & _at("is_verb", 1),
    )


def _pair(offset: int) -> pl.Expr:
    """First name and surname: both written as names, or both unmistakable."""
    both_everyday = _at("is_ordinary", 0) & _at("is_ordinary", offset)
    as_names = _at("is_marked", 0) & _at("is_marked", offset) & ~(both_everyday & _at("is_start", 0))
    in_capitals = _at("is_capital", 0) & _at("is_capital", offset)
    unmistakable = _sure("is_first", 0) & (_sure("is_last", offset) | in_capitals)
    return _at("is_first", 0) & _at("is_last", offset) & (as_names | unmistakable)


def _before_surname_unknown() -> pl.Expr:
    is_word = _at("is_word", 1) & ~_at("is_ordinary", 1)
    return _sure("is_first", 0) & _at("is_marked", 0) & _at("is_marked", 1) & is_word


def _after_relation(offset: int) -> pl.Expr:
    is_name = _at("is_first", offset) | _at("is_last", offset)
    written_as_name = _at("is_marked", offset) & is_name
    return _at("is_relation", 0) & (written_as_name | _sure("is_first", offset))


def load_names(path: Path) -> Names:
    """Read `deid_name_words.csv`; the dictionaries are read when first needed.

    Raises:
        ContractError: If it cannot be read.
    """
    return Names(read_vocabulary(path))
