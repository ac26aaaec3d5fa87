"""The patterns of HIPAA Safe Harbor's identifiers, and the scan of a column of text for them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from registry_pipeline.contracts.vocabulary import read_vocabulary

WITHHELD = "[identifier withheld]"


@dataclass(frozen=True)
class Identifiers:
    """Named patterns in order of precedence; the first that matches names the finding."""

    patterns: tuple[tuple[str, str, bool], ...]
    """(rule name, regular expression, for free text only)."""

    @cached_property
    def any_in_text(self) -> str:
        """Return one expression that matches whatever any pattern matches, so that clean text is read once."""
        return "|".join(f"(?:{pattern})" for _, pattern, _ in self.patterns)

    def first_match(self, text: pl.Series, *, is_free_text: bool) -> pl.Series:
        """Return, for each text, `deid.<pattern name>` of the first pattern that matches, or null."""
        patterns = [(name, pattern) for name, pattern, free_only in self.patterns if is_free_text or not free_only]
        suspects = text.to_frame("text").with_row_index("row").filter(pl.col("text").str.contains(self.any_in_text))
        matches = suspects.select(
            "row",
            pl.coalesce(
                *(
                    pl.when(pl.col("text").str.contains(pattern)).then(pl.lit(f"deid.{name}"))
                    for name, pattern in patterns
                )
            ).alias("rule_id"),
        )
        every = pl.DataFrame({"row": pl.int_range(len(text), dtype=pl.UInt32, eager=True)})
        return every.join(matches, on="row", how="left", maintain_order="left")["rule_id"]

    def withhold(self, column: str) -> pl.Expr:
        """Return the column with everything that a pattern matches replaced by a fixed text."""
        return pl.col(column).str.replace_all(self.any_in_text, WITHHELD)


def load_identifiers(path: Path) -> Identifiers:
    """Read `deid_patterns.csv`.

    Raises:
        ContractError: If it cannot be read.
    """
    return Identifiers(
        tuple(
            (
                row["rule"],
                row["pattern"] if row["is_case_sensitive"] == "true" else f"(?i){row['pattern']}",
                row["applies_to"] == "free_text",
            )
            for row in read_vocabulary(path)
        )
    )
