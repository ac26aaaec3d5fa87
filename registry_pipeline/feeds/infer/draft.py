"""The draft of one file's entry: which tables are in it, from which columns, and what is left for a person."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from registry_pipeline.deid.columns import ColumnWords, words_of
from registry_pipeline.errors import FeedError
from registry_pipeline.feeds.infer.match import Matcher, TableMatch
from registry_pipeline.feeds.infer.names import shared_prefixes
from registry_pipeline.feeds.infer.sample import Look, Sample, SourceColumn
from registry_pipeline.feeds.infer.wide import Items, WideScore, item_columns, wide_scores
from registry_pipeline.feeds.model import FileFeed

EVENT = "redcap_event_name"
_STRUCTURE = ("redcap_repeat_instrument", "redcap_repeat_instance", "redcap_data_access_group", "*_complete")
"""What REDCap adds of itself; no data of patients."""
_EVENT_NAME = re.compile(r"[a-z0-9_]+_arm_\d+")
"""A unique event name is part of the project's structure. Anything else in that column is not written."""
_OF_WIDE = (
    "assessment_id",
    "patient_id",
    "course_id",
    "study_day",
    "timing_rel_dose",
    "minutes_post",
    "mode",
    "recall",
)
_MOST_TABLES = 6


@dataclass(frozen=True)
class TableDraft:
    """One table of a file."""

    match: TableMatch
    sheet: str | None = None
    events: tuple[str, ...] = ()
    scores: tuple[WideScore, ...] = ()
    """Columns to unpivot into totals."""
    items: Items | None = None
    """Columns to unpivot into items, or to sum."""

    @property
    def table(self) -> str:
        """Return the name of the table."""
        return self.match.contract.name

    @property
    def sources(self) -> set[str]:
        """Return the columns of the file that it takes."""
        numbered = {f"{self.items.prefix}{number + 1}" for number in range(self.items.n)} if self.items else set()
        return self.match.sources | {score.source for score in self.scores} | numbered


@dataclass(frozen=True)
class FileDraft:
    """One entry of a feed."""

    file: Path
    entry: FileFeed
    tables: list[TableDraft]
    unmapped: dict[str, list[str]]
    """Column → the contract's columns it is likest."""
    identifiers: dict[str, str]
    """Column that must not be sent → the kind of identifier that its name announces."""
    ignore: list[str] = field(default_factory=list)
    ignore_sheets: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Drafter:
    """Drafts the entry of one file."""

    look: Look
    matcher: Matcher
    instruments: Mapping[str, str]
    """Name of an instrument, joined and in small letters, → its code."""
    n_items: Mapping[str, int]
    words: ColumnWords
    """Which column names announce an identifier."""

    def draft(self) -> FileDraft:
        """Return the draft.

        Raises:
            FeedError: If no column is like any of the contract's; without their names, which may be a patient's values.
        """
        by_sheet = {sample.sheet: self._tables(sample) for sample in self.look.samples}
        tables = _merged([table for drafts in by_sheet.values() for table in drafts])
        if not tables:
            raise FeedError(
                "No table of the contract is like this file.",
                remedy="Check that its first line has the names of the columns; or write the feed by hand.",
                file=self.look.file,
            )
        names = [name for sample in self.look.samples if by_sheet[sample.sheet] for name in sample.frame.columns]
        ignore = [pattern for pattern in _STRUCTURE if any(_is_structure(name, pattern) for name in names)]
        kinds = {name: kind for name in names if (kind := self._identifier(name)) is not None}
        # A "name" that is itself an identifier must not be repeated.
        identifiers = {
            name if self.words.is_listed(name) else f"column {names.index(name) + 1}": kind
            for name, kind in kinds.items()
        }
        taken = {EVENT, *kinds}.union(*(table.sources for table in tables))
        unmapped = {
            column.name: self.matcher.candidates(column)
            for sample in self.look.samples
            if by_sheet[sample.sheet]
            for column in sample.columns()
            if column.name not in taken and not _is_structure(column.name)
        }
        empty_sheets = [str(sheet) for sheet, drafts in by_sheet.items() if sheet is not None and not drafts]
        return FileDraft(self.look.file, self.look.entry, tables, unmapped, identifiers, ignore, empty_sheets)

    def _identifier(self, name: str) -> str | None:
        own = {column.name for table in self.matcher.contracts.tables.values() for column in table.columns}
        if name in own:
            return None
        pattern = self.matcher.values.patterns.in_text.first_match(pl.Series([name], dtype=pl.String)).item()
        return self.words.kind(name) or (str(pattern).removeprefix("deid.") if pattern else None)

    def _tables(self, sample: Sample) -> list[TableDraft]:
        file_name = re.sub(r"\d+", "", self.look.file.stem)
        hints = [file_name, self.look.file.parent.name, sample.sheet or ""]
        if EVENT not in sample.frame.columns:
            return [replace(table, sheet=sample.sheet) for table in self._of_rows(sample.frame, hints)]
        drafts = []
        for event in sample.frame[EVENT].drop_nulls().unique(maintain_order=True).to_list():
            if _EVENT_NAME.fullmatch(event):
                rows = sample.frame.filter(pl.col(EVENT) == event)
                named = re.sub(r"_arm_\d+$", "", event)
                of_event = rows[_columns_of(rows, sample.frame)]
                drafts += [replace(table, events=(event,)) for table in self._of_rows(of_event, [named])]
        return drafts

    def _of_rows(self, frame: pl.DataFrame, hints: Sequence[str]) -> list[TableDraft]:
        """Return the tables that rows of one kind hold."""
        names = [
            name
            for name in frame.columns
            if name != EVENT and not _is_structure(name) and self._identifier(name) is None
        ]
        sources = Sample(None, frame[names]).columns()
        wide = list(self._wide(sources, names))
        in_wide = set().union(*(table.sources - table.match.sources for table in wide))
        rest = [source for source in sources if source.name not in in_wide]
        return [*self._long(rest, hints, {table.table for table in wide}), *wide]

    def _long(self, sources: list[SourceColumn], hints: Sequence[str], excluded: set[str]) -> Iterator[TableDraft]:
        """Yield the best table, then others that the columns left over still make."""
        among = {name for name, table in self.matcher.contracts.tables.items() if table.is_delivered} - excluded
        ids: set[str] = set()
        left = sources
        for nth in range(_MOST_TABLES):
            match = self.matcher.table_of(left, hints, among) if among else None
            if match is None or ((nth or excluded) and not _is_convincing(match, ids)):
                return
            yield TableDraft(match)
            among -= {match.contract.name}
            ids |= {found.source for found in match.columns if found.column.name.endswith("_id")}
            left = [source for source in left if source.name not in match.sources or source.name in ids]

    def _wide(self, sources: list[SourceColumn], names: Sequence[str]) -> Iterator[TableDraft]:
        items = item_columns(names, self.instruments, self.n_items)
        numbered = {f"{found.prefix}{number + 1}" for found in items for number in range(found.n)}
        scores = wide_scores([name for name in names if name not in numbered], self.instruments)
        taken = numbered | {score.source for score in scores}
        rest = [source for source in sources if source.name not in taken]
        at_visits = tuple(score for score in scores if score.study_day is not None)
        of_row = tuple(score for score in scores if score.study_day is None)
        if at_visits:
            yield TableDraft(self._restricted(rest, {"study_day"}), scores=at_visits)
        if of_row:
            yield TableDraft(self._restricted(rest, set()), scores=of_row)
        for found in items:
            yield TableDraft(self._restricted(rest, set()), items=found)
            if "outcome_item" in self.matcher.contracts.tables:
                item_table = self.matcher.contracts.tables["outcome_item"]
                yield TableDraft(TableMatch(item_table), items=found)

    def _restricted(self, sources: list[SourceColumn], without: set[str]) -> TableMatch:
        """Match the columns that say of whom and when; the totals come from elsewhere."""
        contract = self.matcher.contracts.tables["outcome_assessment"]
        match = self.matcher.assign(sources, contract)
        kept = [found for found in match.columns if found.column.name in set(_OF_WIDE) - without and found.is_sure]
        return self.matcher.writable(TableMatch(contract, kept))


def _columns_of(rows: pl.DataFrame, every_row: pl.DataFrame) -> list[str]:
    """Return the columns filled in an event's rows, and those filled nowhere that share a form's first word."""
    filled = [name for name in rows.columns if rows[name].null_count() < rows.height]
    forms = shared_prefixes(filled)
    empty = {name for name in every_row.columns if every_row[name].null_count() == every_row.height}
    return [name for name in rows.columns if name in filled or (name in empty and {*words_of(name)[:1]} & forms)]


def _is_structure(name: str, pattern: str | None = None) -> bool:
    patterns = _STRUCTURE if pattern is None else (pattern,)
    return any(name.endswith(own[1:]) if own.startswith("*") else name == own for own in patterns)


def _is_convincing(match: TableMatch, ids: set[str]) -> bool:
    """Tell whether leftover columns make a table of their own: two sure ones, and most of what it requires."""
    own = [found for found in match.columns if found.is_sure and found.source not in ids]
    needed = len(match.missing) + len(match.columns)
    return len(own) >= 2 and len(match.missing) * 2 <= needed  # noqa: PLR2004 - "two" and "half" need no names


def _merged(drafts: list[TableDraft]) -> list[TableDraft]:
    """Join the drafts that differ by their event alone."""
    merged: list[TableDraft] = []
    for draft in drafts:
        for number, earlier in enumerate(merged):
            if (
                draft.events
                and replace(earlier, events=(), match=draft.match) == replace(draft, events=())
                and (earlier.match.sources == draft.match.sources and earlier.table == draft.table)
            ):
                merged[number] = replace(earlier, events=(*earlier.events, *draft.events))
                break
        else:
            merged.append(draft)
    return merged
