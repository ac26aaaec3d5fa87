"""The identifier guard: patterns, names and column names in one place, and what is withheld of what they find.

What does not belong here: what becomes of a record or a delivery in which something was found (ingest).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import polars as pl

from registry_pipeline.content import content_path
from registry_pipeline.deid import names as person
from registry_pipeline.deid.columns import DATE, ColumnWords, load_column_words
from registry_pipeline.deid.names import Names, load_names
from registry_pipeline.deid.patterns import Patterns, load_patterns
from registry_pipeline.errors import DeliveryRefusedError

WITHHELD = "[identifier withheld]"
_RANDOM = "uuid_or_long_hex"
"""The pattern of random ids: an identifier in free text, and what a key should be."""


@dataclass(frozen=True)
class Identifiers:
    """Everything by which the registry tells a direct identifier."""

    patterns: Patterns
    names: Names
    columns: ColumnWords

    @cached_property
    def refuse_delivery(self) -> list[str]:
        """Return the findings that, outside free text, refuse the whole delivery; the others refuse their row."""
        return [person.RULE_ID, *(row.rule_id for row in self.patterns.rows if row.refuses == "delivery")]

    def in_free_text(self, text: pl.Series) -> pl.Series:
        """Return, for each text, the rule id of what it shows of a person, or null."""
        distinct = text.drop_nulls().unique()
        rule_ids = self._patterns_or_names(self.patterns.in_text, distinct)
        hits = rule_ids.is_not_null()
        return text.replace_strict(distinct.filter(hits), rule_ids.filter(hits), default=None, return_dtype=pl.String)

    def in_refused_cells(self, cells: pl.Series, column: str, *, is_key: bool) -> pl.Series:
        """Return, for each refused cell of a contract's column, the rule id of what it shows of a person, or null."""
        seen = self._patterns_or_names(self.patterns.in_column(column, is_key=False), cells)
        if not is_key or seen.is_null().all():
            return seen
        # A refused id may still be a random one, only of another form; a label and a number are at least two words.
        return self.in_ids(cells, column, is_key=True).zip_with(~cells.str.contains(r"\s").fill_null(value=False), seen)

    def in_ids(self, cells: pl.Series, column: str, *, is_key: bool) -> pl.Series:
        """Return the same for cells that no closed list bounds: ids and codes. One word is no mention of a person."""
        found = self.patterns.in_column(column, is_key=is_key).first_match(cells)
        # Parts of a random UUID look like a date now and then.
        return found if found.is_null().all() else found.zip_with(~self._is_random(cells), found.clear(len(found)))

    def _patterns_or_names(self, patterns: Patterns, text: pl.Series) -> pl.Series:
        frame = pl.DataFrame({"found": patterns.first_match(text), "is_named": self.names.in_text(text)})
        is_name = pl.when("is_named").then(pl.lit(person.RULE_ID))
        return frame.select(pl.coalesce(pl.col("found"), is_name).alias("rule_id"))["rule_id"]

    def _is_random(self, cells: pl.Series) -> pl.Series:
        """Return which cells are nothing but a random id of a usual form."""
        return cells.str.contains(rf"^\s*(?:{self.patterns.of(_RANDOM).expression})\s*$").fill_null(value=False)

    def withhold_cells(self, records: pl.DataFrame, shown: pl.Series | None = None) -> pl.DataFrame:
        """Return records in which every cell that shows something of a person is withheld whole.

        A record in which no single cell shows it, although something was seen, is withheld altogether: the feed made
        what was seen of several cells. Ids that are random by their form stay, so that a withdrawal finds its records.

        Args:
            records: Cells as text.
            shown: For each record, what was seen in it; None when nothing has been looked for yet.
        """
        is_shown = records.select(self._shows(records[name], shown).alias(name) for name in records.columns)
        if shown is not None:
            is_unclear = is_shown.select(~pl.any_horizontal(pl.all()))
            is_shown = is_shown.select(pl.all() | is_unclear.to_series())
        withheld = pl.Series([WITHHELD])
        return records.select(
            records[name].zip_with(~is_shown[name] | records[name].is_null(), withheld) for name in records.columns
        )

    def _shows(self, cells: pl.Series, shown: pl.Series | None) -> pl.Series:
        seen = self.in_free_text(cells).is_not_null() & ~self._is_random(cells)
        return seen if shown is None else seen | cells.is_in(shown).fill_null(value=False)

    def withhold_text(self, text: pl.Series) -> pl.Series:
        """Return text of no known columns with what patterns find taken out; all of it where a person is named."""
        named = pl.Series([WITHHELD])
        return text.str.replace_all(self.patterns.in_text.union, WITHHELD).zip_with(~self.names.in_text(text), named)

    def _in_names(self, names: Sequence[str]) -> list[str | None]:
        """Return, for each column name, the rule id of what it shows of a person, or None."""
        if new := [name for name in names if name not in self._seen_names]:
            found = self._patterns_or_names(self.patterns.in_text, pl.Series(new, dtype=pl.String))
            self._seen_names.update(zip(new, found, strict=True))
        return [self._seen_names[name] for name in names]

    @cached_property
    def _seen_names(self) -> dict[str, str | None]:
        """Column names looked at before: a thousand small files have few different ones."""
        return {}

    def refuse_columns(self, names: Sequence[str], deid_method: str) -> None:
        """Refuse a file for its columns, whatever the feed says of them.

        Raises:
            DeliveryRefusedError: If a column name announces or is a direct identifier, or a calendar date without an
                expert determination. The message has its kind and place; the name only if it is a word of our list.
        """
        for position, (name, rule_id) in enumerate(zip(names, self._in_names(names), strict=True), start=1):
            kind = self.columns.kind(name) or (rule_id.removeprefix("deid.") if rule_id else None)
            is_date = kind is not None and (kind == DATE or (kind.startswith("date_") and kind != "date_of_birth"))
            if kind is None or (is_date and deid_method == "expert_determination"):
                continue
            called = f", `{name}`," if self.columns.is_listed(name) else ""
            what = "a calendar date" if is_date else f"a direct identifier ({kind.replace('_', ' ')})"
            raise DeliveryRefusedError(
                "delivery.identifier_column",
                f"Column {position}{called} is called like {what}.",
                remedy="Send study days in its place." if is_date else "Leave it out of the export and send it again.",
                line=1,
            )


# It learns the column names of deliveries, and its dictionaries take longer to sort than a small file to read.
@cache
def load_identifiers(path: Path) -> Identifiers:
    """Read `deid_patterns.csv`, and the lists of words beside it; a list that is not there is the shipped one.

    Raises:
        ContractError: If one cannot be read.
    """
    return Identifiers(
        load_patterns(path),
        load_names(_beside(path, "deid_name_words.csv")),
        load_column_words(_beside(path, "deid_columns.csv")),
    )


def _beside(path: Path, name: str) -> Path:
    own = path.with_name(name)
    return own if own.exists() else content_path("data_contracts/reference") / name
