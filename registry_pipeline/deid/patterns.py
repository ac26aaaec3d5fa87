"""The patterns of HIPAA Safe Harbor's identifiers: emails, phone numbers, dates and the like.

What does not belong here: bare names, which need a dictionary (`names`), and column names (`columns`).
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from registry_pipeline.contracts.vocabulary import read_vocabulary

ANYWHERE, FREE_TEXT, IN_KEYS, NOT_IN_KEYS = "any", "free_text", "key", "non_key"
"""Where a pattern is looked for; every other word is the column that it belongs to."""


@dataclass(frozen=True)
class Pattern:
    """One row of `deid_patterns.csv`."""

    rule: str
    expression: str
    applies_to: str
    refuses: str
    """What a hit outside free text refuses: the whole `delivery`, or its `row`."""

    @property
    def rule_id(self) -> str:
        """Return the id of its findings."""
        return f"deid.{self.rule}"


@dataclass(frozen=True)
class Patterns:
    """Patterns in order of precedence: the first that matches names the finding."""

    rows: tuple[Pattern, ...]

    @cached_property
    def in_text(self) -> "Patterns":
        """Return the patterns for free text."""
        return self._only(ANYWHERE, FREE_TEXT, NOT_IN_KEYS)

    def in_column(self, column: str, *, is_key: bool) -> "Patterns":
        """Return the patterns for the cells of a column of the contract that is no free text."""
        return self._only(column, ANYWHERE, IN_KEYS if is_key else NOT_IN_KEYS)

    def of(self, rule: str) -> Pattern:
        """Return the pattern of a rule."""
        return next(row for row in self.rows if row.rule == rule)

    def _only(self, *places: str) -> "Patterns":
        return Patterns(tuple(row for row in self.rows if row.applies_to in places))

    @cached_property
    def union(self) -> str:
        """Return one expression that matches whatever any pattern matches, so that clean text is read once."""
        return "|".join(f"(?:{row.expression})" for row in self.rows)

    def first_match(self, text: pl.Series) -> pl.Series:
        """Return, for each text, the rule id of the first pattern that matches, or null."""
        found = pl.Series([None], dtype=pl.String).new_from_index(0, len(text))
        suspects = text.str.contains(self.union).fill_null(value=False).arg_true()
        if suspects.is_empty():
            return found
        names = (pl.when(pl.col("text").str.contains(row.expression)).then(pl.lit(row.rule_id)) for row in self.rows)
        rule_ids = text.gather(suspects).to_frame("text").select(pl.coalesce(names).alias("rule_id"))
        return found.scatter(suspects, rule_ids["rule_id"])


def load_patterns(path: Path) -> Patterns:
    """Read `deid_patterns.csv`.

    Raises:
        ContractError: If it cannot be read.
    """
    return Patterns(tuple(_pattern(row) for row in read_vocabulary(path)))


def _pattern(row: dict[str, str]) -> Pattern:
    expression = row["pattern"] if row["is_case_sensitive"] == "true" else f"(?i){row['pattern']}"
    return Pattern(row["rule"], expression, row["applies_to"], row["refuses"])
