"""REDCap's flat export, one part per form, led by the project's data dictionary.

A line of the export belongs to a record, an event and perhaps an instance of a repeating form, and holds cells of many
forms. Here each form becomes a part of its own: the record id, the event, the instance and that form's columns. A
**record** of a form is a line in which any of its fields is filled, or that someone marked as complete or unverified;
boxes nobody ticked and the status "incomplete" fill nothing, as REDCap writes them by itself. A line that is a record
of no form is `record.empty`, and one that fills forms it does not belong to is `record.redcap`.

Lines are split into fields by the CSV reader, so that damage is told in the same way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

import polars as pl

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.mapping import LINE
from registry_pipeline.feeds.model import FileFeed
from registry_pipeline.feeds.readers.base import Damage, Part, RawBatch
from registry_pipeline.feeds.readers.csv import open_csv
from registry_pipeline.feeds.readers.redcap_dictionary import (
    DataDictionary,
    RedcapField,
    checkbox_column,
    read_dictionary,
)

EVENT, REPEATS, INSTANCE = "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"
_GROUP, _SURVEY_IDENTIFIER = "redcap_data_access_group", "redcap_survey_identifier"
_TICKED, _UNTICKED = ["1", "Checked"], ["0", "Unchecked"]
_INCOMPLETE = ["0", "Incomplete"]
_STATUS = {"0": "Incomplete", "1": "Unverified", "2": "Complete"}


def open_parts(path: Path, entry: FileFeed, batch_bytes: int) -> list[Part]:
    """Open the file as its feed entry says; see `readers.open_parts`. It is read once for each form.

    Raises:
        DeliveryRefusedError: If it has a column that the dictionary does not know, an identifier, or a form that the
            feed does not know; or lacks one that the feed maps.
        FeedError: If the dictionary cannot be read.
    """
    if entry.redcap.dictionary is None:
        raise DeliveryRefusedError(
            "delivery.dictionary",
            "The feed names no data dictionary for this export.",
            remedy="Put the project's dictionary beside the feed, and name it under `redcap: {dictionary: …}`.",
        )
    table = open_csv(path, entry.csv, batch_bytes)
    export = _Export(read_dictionary(entry.redcap.dictionary), table.columns, entry)
    export.check()
    mapped = list(dict.fromkeys(mapping.sheet for mapping in entry.tables if mapping.sheet in export.forms))
    rest = Part((), lambda: _leftovers(table, export), unread=table.columns)
    return [rest, *(_part(table, export, form) for form in mapped)]


def _part(table: Part, export: "_Export", form: str) -> Part:
    def batches() -> Iterator[RawBatch]:
        for batch in table.batches():
            yield RawBatch(export.records(batch.frame, form))

    return Part((*export.keys, *export.forms[form].columns), batches, form)


def _leftovers(table: Part, export: "_Export") -> Iterator[RawBatch]:
    """Yield what is a record of no form: damaged lines, empty ones, and those that contradict themselves."""
    for batch in table.batches():
        yield RawBatch(pl.DataFrame(schema={LINE: pl.Int64}), [*batch.damages, *export.misfits(batch.frame)])


@dataclass(frozen=True)
class _Form:
    """The columns of one form that an export has."""

    name: str
    fields: tuple[RedcapField, ...]
    present: frozenset[str]
    missing_codes: tuple[str, ...]
    """The project's words for "asked, but not known" and the like, which are choices of every checkbox too."""

    @cached_property
    def boxes(self) -> dict[str, list[str]]:
        """Return the columns of each group of checkboxes."""
        groups = {field.name: [*field.columns] for field in self.fields if field.kind == "checkbox"}
        return {name: [box for box in group if box in self.present] for name, group in groups.items()}

    @cached_property
    def missing(self) -> dict[str, list[str]]:
        """Return, of each group of checkboxes, the boxes that stand for a missing code."""
        codes = {name: [checkbox_column(name, code) for code in self.missing_codes] for name in self.boxes}
        return {
            name: [box for box in boxes if box in self.present and box not in self.boxes[name]]
            for name, boxes in codes.items()
        }

    @cached_property
    def values(self) -> list[str]:
        """Return the columns of every other field."""
        fields = (field for field in self.fields if field.kind != "checkbox")
        return [column for field in fields for column in field.columns if column in self.present]

    @property
    def status(self) -> str:
        return f"{self.name}_complete"

    @property
    def columns(self) -> list[str]:
        """Return all columns that its part has."""
        boxes = (box for group in self.boxes.values() for box in group)
        own = (column for column in (self.status, f"{self.name}_timestamp") if column in self.present)
        return [*self.values, *boxes, *own]

    def is_filled(self) -> pl.Expr:
        """Tell in which lines someone filled the form."""
        groups = (*self.boxes.values(), *self.missing.values())
        boxes = (box for group in groups for box in group)
        written = [pl.col(column).is_not_null() for column in self.values]
        ticked = [~pl.col(box).is_in(_UNTICKED) for box in boxes]
        marked = [~pl.col(self.status).is_in(_INCOMPLETE)] if self.status in self.present else []
        return pl.any_horizontal(*written, *ticked, *marked, pl.lit(value=False)).fill_null(value=False)

    def without_missing(self) -> list[pl.Expr]:
        """Return the boxes, empty where a missing code is ticked: there, not ticked does not mean no."""
        return [
            pl.when(~pl.any_horizontal(pl.col(code).is_in(_TICKED) for code in codes)).then(pl.col(box)).alias(box)
            for name, codes in self.missing.items()
            if codes
            for box in self.boxes[name]
        ]

    def labels(self, wanted: Sequence[str]) -> list[pl.Expr]:
        """Return its coded columns of the given names with labels instead of codes."""
        choices = {field.name: field.choices for field in self.fields if field.choices and field.name in self.values}
        if self.status in self.present:
            choices[self.status] = _STATUS
        return [pl.col(name).replace(labels) for name, labels in choices.items() if _fits_any(name, wanted)]


def _fits_any(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


class _Export:
    """What the columns of an export are, by its dictionary."""

    def __init__(self, dictionary: DataDictionary, columns: Sequence[str], entry: FileFeed) -> None:
        self.dictionary = dictionary
        self.columns = columns
        self.entry = entry
        present = frozenset(columns)
        every = (_Form(name, fields, present, tuple(entry.null_values)) for name, fields in dictionary.forms.items())
        self.forms = {form.name: form for form in every if form.columns}

    @property
    def keys(self) -> list[str]:
        """Return the columns that every part has."""
        return [name for name in (self.dictionary.record_id, EVENT, INSTANCE, _GROUP) if name in self.columns]

    def check(self) -> None:
        """Refuse a file that the dictionary or the feed does not cover.

        Raises:
            DeliveryRefusedError: As `open_parts` says.
        """
        if self.dictionary.record_id not in self.columns:
            # Nothing of this header may reach a message: it may be the first patient's values.
            raise DeliveryRefusedError(
                "delivery.header",
                "The header lacks the record id, the first field of the data dictionary.",
                remedy="Export raw data with the names of the variables as header.",
                line=1,
            )
        self._refuse_unknown_columns()
        self._refuse_identifiers()
        self._refuse_unknown_forms()

    def _refuse_unknown_columns(self) -> None:
        known = {self.dictionary.record_id, EVENT, REPEATS, INSTANCE, _GROUP, _SURVEY_IDENTIFIER}
        known |= {column for form in self.forms.values() for column in form.columns}
        known |= {box for form in self.forms.values() for group in form.missing.values() for box in group}
        if unknown := [f"`{name}`" for name in self.columns if name not in known]:
            raise DeliveryRefusedError(
                "delivery.dictionary",
                f"The data dictionary does not have {', '.join(unknown)}.",
                remedy="Put the project's present data dictionary beside the feed.",
                line=1,
            )

    def _refuse_identifiers(self) -> None:
        marked = {column for field in self.dictionary.fields if field.is_identifier for column in field.columns}
        if found := [f"`{name}`" for name in self.columns if name in marked | {_SURVEY_IDENTIFIER}]:
            raise DeliveryRefusedError(
                "delivery.identifier_field",
                f"The export has fields that identify a person: {', '.join(found)}.",
                remedy="Export again with REDCap's option to remove all identifier fields.",
                line=1,
            )

    def _refuse_unknown_forms(self) -> None:
        mapped = {mapping.sheet for mapping in self.entry.tables}
        if missing := sorted(f"`{name}`" for name in mapped - set(self.forms) if name):
            raise DeliveryRefusedError(
                "delivery.sheet",
                f"The export lacks the form {', '.join(missing)}.",
                remedy="Export it too, or mend the feed.",
                line=1,
            )
        if unknown := sorted(f"`{name}`" for name in set(self.forms) - mapped - set(self.entry.ignore_sheets)):
            raise DeliveryRefusedError(
                "delivery.sheet",
                f"The feed does not say what the form {', '.join(unknown)} is.",
                remedy="Map it as a `sheet`, or list it under `ignore_sheets`.",
                line=1,
            )

    def records(self, frame: pl.DataFrame, name: str) -> pl.DataFrame:
        """Return the lines that are records of a form, with its columns."""
        form = self.forms[name]
        rows = frame.filter(self._fits() & form.is_filled()).with_columns(form.without_missing())
        rows = rows.with_columns(form.labels(self.entry.redcap.labels))
        if INSTANCE in self.columns:
            # REDCap itself calls it the first when a form that did not repeat is made to.
            rows = rows.with_columns(pl.col(INSTANCE).fill_null("1"))
        return rows.select(*self.keys, *form.columns, LINE)

    def _fits(self) -> pl.Expr:
        """Tell which lines fill only the form they belong to; a line without a repeating form may fill any."""
        if REPEATS not in self.columns:
            return pl.lit(value=True)
        repeats = pl.col(REPEATS)
        of_one = [(repeats == name) | ~form.is_filled() for name, form in self.forms.items()]
        return repeats.is_null() | (repeats.is_in(list(self.forms)) & pl.all_horizontal(of_one))

    def misfits(self, frame: pl.DataFrame) -> list[Damage]:
        """Return the lines that are records of no form."""
        is_filled = pl.any_horizontal(form.is_filled() for form in self.forms.values())
        rule = pl.when(~self._fits()).then(pl.lit("record.redcap")).when(~is_filled).then(pl.lit("record.empty"))
        raw = pl.struct(self.columns).struct.json_encode()
        found = frame.select(LINE, rule.alias("rule_id"), raw.alias("raw")).filter(pl.col("rule_id").is_not_null())
        return [Damage(*row) for row in found.iter_rows()]
