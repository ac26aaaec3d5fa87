"""Retractions: records by which a clinic takes back one that it sent before, as entered in error.

A retraction needs its key and nothing else. It is kept in the lake like any record, and from then on its key has no
current row (`warehouse/staging.py`). What does not belong here: which record of a key is the latest.
"""

from dataclasses import dataclass

import polars as pl

from registry_pipeline.feeds.model import ENTERED_IN_ERROR
from registry_pipeline.ingest.cast import boolean
from registry_pipeline.ingest.judge import FINDINGS, Judged

RULE = "record.retraction"
IS_RETRACTED = "is_retracted"


@dataclass(frozen=True)
class Retractions:
    """Which rows of a batch are retractions."""

    is_retracted: pl.Series
    unread: pl.DataFrame
    """Findings: rows that say neither yes nor no."""

    @classmethod
    def of(cls, text: pl.DataFrame) -> "Retractions":
        """Read the system column of a batch of text; without it no row is a retraction."""
        if ENTERED_IN_ERROR not in text.columns:
            return cls(pl.Series([False]).new_from_index(0, text.height), pl.DataFrame(schema=FINDINGS))
        cells = text[ENTERED_IN_ERROR]
        flags = text.select(boolean(pl.col(ENTERED_IN_ERROR))).to_series()
        rows = (cells.is_not_null() & flags.is_null()).arg_true().cast(pl.UInt32)
        unread = pl.DataFrame({"row": rows}).with_columns(
            pl.lit(RULE).alias("rule_id"), pl.lit(ENTERED_IN_ERROR).alias("column_name")
        )
        return cls(flags.fill_null(value=False), unread)

    def lighten(self, verdict: Judged, key: tuple[str, ...]) -> Judged:
        """Return the verdict with all forgiven that a record need not fulfil to be taken back."""
        refusals = verdict.refusals if self.unread.is_empty() else pl.concat([verdict.refusals, self.unread])
        if not self.is_retracted.any():
            return Judged(verdict.typed, refusals, verdict.warnings)
        is_retraction = pl.col("row").is_in(self.is_retracted.arg_true().implode())
        counts = pl.col("column_name").is_in(key) | pl.col("rule_id").str.contains(r"^(?:deid|record)\.")
        return Judged(
            verdict.typed,
            refusals.filter(~is_retraction | counts.fill_null(value=False)),
            verdict.warnings.filter(~is_retraction),
        )
