"""A REDCap project's data dictionary: which forms and fields there are, and what their codes mean.

What does not belong here: the export itself (redcap.py).
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from registry_pipeline.errors import FeedError

# The designer writes the first name, the programming interface the second.
_NAME = ("Variable / Field Name", "field_name")
_FORM = ("Form Name", "form_name")
_KIND = ("Field Type", "field_type")
_CHOICES = ("Choices, Calculations, OR Slider Labels", "select_choices_or_calculations")
_VALIDATION = (
    "Text Validation Type OR Show Slider Number",
    "text_validation_type_or_show_slider_number",
)
_IDENTIFIER = ("Identifier?", "identifier")

_CODED = {"radio", "dropdown", "checkbox"}
_FIXED_CHOICES = {"yesno": {"1": "Yes", "0": "No"}, "truefalse": {"1": "True", "0": "False"}}
_IDENTIFYING = re.compile(r"^(email|phone|ssn|v?mrn|zipcode|postalcode)")
"""What REDCap checks the text of a field for, when that alone says that it is a direct identifier."""


@dataclass(frozen=True)
class RedcapField:
    """One variable of a project."""

    name: str
    form: str
    kind: str
    choices: dict[str, str]
    """Code → label, of a field that has choices."""
    is_identifier: bool
    """Marked as one in REDCap, or checked to be an e-mail address, a phone, record or social security number, a ZIP."""

    @property
    def columns(self) -> dict[str, str]:
        """Return the columns of an export that hold the field, each with the code it stands for ("" for all)."""
        if self.kind == "descriptive":
            return {}
        if self.kind != "checkbox":
            return {self.name: ""}
        return {checkbox_column(self.name, code): code for code in self.choices}


def checkbox_column(field: str, code: str) -> str:
    """Return the column of one box: REDCap writes the code in small letters, with `_` for everything unusual."""
    return f"{field}___{re.sub('[^a-z0-9_]', '_', code.lower())}"


@dataclass(frozen=True)
class DataDictionary:
    """Everything a project's dictionary says."""

    fields: tuple[RedcapField, ...]

    @property
    def record_id(self) -> str:
        """Return the field that names the record: always the first."""
        return self.fields[0].name

    @cached_property
    def forms(self) -> dict[str, tuple[RedcapField, ...]]:
        """Return the fields of each form, without the record id, which every line has."""
        names = dict.fromkeys(field.form for field in self.fields)
        return {name: tuple(field for field in self.fields[1:] if field.form == name) for name in names}


def read_dictionary(file: Path) -> DataDictionary:
    """Read a data dictionary as REDCap downloads it (CSV).

    Raises:
        FeedError: If it cannot be read, or is not a data dictionary.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            rows = list(csv.DictReader(handle, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _bad(file, "The data dictionary cannot be read.") from error
    if not rows or any(not set(names) & set(rows[0]) for names in (_NAME, _FORM, _KIND, _CHOICES)):
        raise _bad(file, "The file is not a REDCap data dictionary.")
    fields = tuple(_field(row) for row in rows)
    repeated = {field.name for field in fields if sum(field.name == other.name for other in fields) > 1}
    if repeated or not all(field.name and field.form for field in fields):
        raise _bad(file, "The data dictionary has a field twice, or one without a name or form.")
    return DataDictionary(fields)


def _bad(file: Path, message: str) -> FeedError:
    return FeedError(message, remedy="Download it from REDCap's Project Setup and put it beside the feed.", file=file)


def _field(row: Mapping[str, str | None]) -> RedcapField:
    kind = _cell(row, _KIND).lower()
    is_marked = _cell(row, _IDENTIFIER).lower() == "y"
    return RedcapField(
        name=_cell(row, _NAME),
        form=_cell(row, _FORM),
        kind=kind,
        choices=_choices(_cell(row, _CHOICES)) if kind in _CODED else _FIXED_CHOICES.get(kind, {}),
        is_identifier=is_marked or _IDENTIFYING.match(_cell(row, _VALIDATION).lower()) is not None,
    )


def _cell(row: Mapping[str, str | None], names: tuple[str, ...]) -> str:
    return next((value.strip() for name in names if (value := row.get(name))), "")


def _choices(text: str) -> dict[str, str]:
    """Split `0, Female | 1, Male`."""
    pairs = (choice.partition(",") for choice in text.split("|") if choice.strip())
    return {code.strip(): label.strip() for code, _, label in pairs}
