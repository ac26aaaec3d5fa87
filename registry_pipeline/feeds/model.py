"""The language of a feed file, as pydantic models. A key that is not here is an error.

What does not belong here: whether a feed fits the contracts (checks), and what the words do to a frame (mapping).
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from registry_pipeline.feeds.column_patterns import expanded
from registry_pipeline.feeds.sources import FhirBulk, RedcapExport
from registry_pipeline.lake.receipts import Mode

Format = Literal["csv", "ndjson", "json", "parquet", "excel", "xpt", "redcap", "fhir"]


def _text(value: object) -> object:
    return str(value).lower() if isinstance(value, int | float) else value


def _word(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("YAML reads a bare yes, no, on, off, true or false as a truth value: put it in quotes")  # noqa: TRY004
    return _text(value)


Text = Annotated[str, BeforeValidator(_text)]
"""What the contract gets; may be written as a bare number or truth value in YAML."""
Word = Annotated[str, BeforeValidator(_word)]
"""A word as the clinic writes it; may be written as a bare number in YAML."""

ENTERED_IN_ERROR = "entered_in_error"
"""The system column that takes back, where it says yes, what was sent before under the key of its row."""
SYSTEM_COLUMNS = ("clinic_id", ENTERED_IN_ERROR)
"""Columns that any file may carry and any table mapping may set, though no contract lists them."""

CLINIC_ID = r"^C[0-9]{3,}$"

PLACEHOLDER = re.compile(r"\{([^{}]+?)(?::0(\d+))?\}")
"""`{name}` in a template, or `{name:026}` for a number filled up with zeros on the left."""


def _expanded_names(patterns: list[str]) -> list[str]:
    return [name for pattern in patterns for name, _ in expanded(pattern)]


Columns = Annotated[list[str], AfterValidator(_expanded_names)]
"""Source columns, of which several may be written as one: `phq9_{1..9}`."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CsvDialect(_Strict):
    """How a clinic writes delimited text."""

    delimiter: str = Field(default=",", pattern=r"^[^\r\n]$")
    quote: str = Field(default='"', pattern="^[!-~]$")
    encoding: str = "utf-8"
    decimal: Literal[".", ","] = "."

    @model_validator(mode="after")
    def _quote_differs(self) -> "CsvDialect":
        if self.quote == self.delimiter:
            raise ValueError("`quote` and `delimiter` must differ")
        return self


class ColumnMapping(_Strict):
    """Where a column of the contract comes from, and what is done to it on the way."""

    source: str | None = Field(default=None, alias="from")
    constant: Text | None = None
    template: str | None = None
    """Text with `{source column}` in it, for ids that a wide file does not have."""
    sum_of: Columns | None = None
    """Columns whose filled cells are added up."""
    count_of: Columns | None = None
    """Columns whose filled cells are counted."""
    values: dict[Word, Text] = Field(default_factory=dict)
    """The clinic's word for each of ours; a word that is not here is passed on as it is, and judged by the contract."""
    minus: str | None = None
    """A column to subtract: the number of the day of the first session, or its date."""
    dates: str | None = None
    """How the two dates are written (`%Y-%m-%d`), when `from` and `minus` are calendar dates."""
    unit: str | None = None
    """The clinic's unit; the contract says into which it is converted."""
    weight: str | None = None
    """The column with the patient's weight in kg, for a dose per kg."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"from": _word(value)} if isinstance(value, str | int) else value

    @model_validator(mode="after")
    def _exactly_one(self) -> "ColumnMapping":
        origins = (self.source, self.constant, self.template, self.sum_of, self.count_of)
        if sum(part is not None for part in origins) != 1:
            raise ValueError("give exactly one of `from`, `constant`, `template`, `sum_of`, `count_of`")
        for word in ("values", "minus", "unit"):
            if getattr(self, word) and self.source is None:
                raise ValueError(f"`{word}` needs `from`")
        if self.dates is not None and (self.minus is None or self.unit is not None or self.values):
            raise ValueError("`dates` needs `minus`, and goes neither with `unit` nor with `values`")
        return self

    @property
    def sources(self) -> set[str]:
        """Return every source column that it reads."""
        single = {name for name in (self.source, self.minus, self.weight) if name is not None}
        placeholders = {name for name, _ in PLACEHOLDER.findall(self.template or "")}
        return single | placeholders | {*(self.sum_of or ()), *(self.count_of or ())}


class Unpivot(_Strict):
    """Wide visits or items to long: each non-empty cell of the listed columns becomes one record."""

    into: str
    columns: dict[str, dict[str, Text]] = Field(min_length=1)
    """Source column → constants of its record: columns of the contract, or names that a mapping uses."""

    @field_validator("columns")
    @classmethod
    def _each_by_name(cls, columns: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        every: dict[str, dict[str, str]] = {}
        for pattern, constants in columns.items():
            for name, number in expanded(pattern):
                if name in every:
                    raise ValueError(f"`{name}` stands twice")
                every[name] = {**number, **constants}
        return every

    @property
    def sets(self) -> set[str]:
        """Return the names that its records get beside the cell."""
        return {name for constants in self.columns.values() for name in constants}


class TableMapping(_Strict):
    """How one table of the contract is read from a file."""

    table: str
    sheet: str | None = None
    where: dict[str, list[Word]] = Field(default_factory=dict)
    """Only rows that have one of these words in each of these columns are records of the table."""
    any_filled: Columns = Field(default_factory=list)
    """Only rows in which at least one of these columns is filled are records of the table."""
    columns: dict[str, ColumnMapping] = Field(default_factory=dict)
    lookup: dict[str, dict[Word, dict[str, Text]]] = Field(default_factory=dict)
    """Source column → its word → what that word says: columns of the contract, or names that a mapping uses."""
    unpivot: Unpivot | None = None

    @property
    def sets(self) -> set[str]:
        """Return the names that the feed itself sets, by `lookup` or `unpivot`: no columns of the file."""
        looked_up = {name for words in self.lookup.values() for constants in words.values() for name in constants}
        return looked_up | (self.unpivot.sets if self.unpivot else set())

    @property
    def sources(self) -> set[str]:
        """Return the columns of the file that it reads by name."""
        used = {*self.where, *self.any_filled, *(self.unpivot.columns if self.unpivot else ())}
        mapped = set().union(*(column.sources for column in self.columns.values()))
        return used | ((mapped | set(self.lookup)) - self.sets)

    @property
    def date_columns(self) -> set[str]:
        """Return the columns of the file that hold calendar dates."""
        dated = [column for column in self.columns.values() if column.dates is not None]
        return {name for column in dated for name in column.sources}


class FileFeed(_Strict):
    """One kind of file that a clinic sends."""

    pattern: str = Field(min_length=1)
    format: Format
    mode: Mode
    sequence: str | None = None
    csv: CsvDialect = CsvDialect()
    redcap: RedcapExport = RedcapExport()
    fhir: FhirBulk = FhirBulk()
    null_values: list[Word] = Field(default_factory=list)
    ignore: list[str] = Field(default_factory=list)
    """Columns that the registry does not take; `*` and `?` stand for any letters and any one letter."""
    ignore_sheets: list[str] = Field(default_factory=list)
    tables: list[TableMapping] = Field(min_length=1)

    @model_validator(mode="after")
    def _sheets_fit_the_format(self) -> "FileFeed":
        named = [mapping.sheet is not None for mapping in self.tables]
        if self.format in ("excel", "redcap", "fhir") and not all(named):
            raise ValueError(f"with `format: {self.format}` every table needs `sheet`")
        if self.format in ("csv", "ndjson", "json", "parquet", "xpt") and any(named):
            raise ValueError(f"with `format: {self.format}` there are no sheets: leave `sheet` out")
        if self.format == "redcap" and self.redcap.dictionary is None:
            raise ValueError("a redcap export needs `redcap: {dictionary: …}`, a file beside the feed")
        return self


class Feed(_Strict):
    """Everything the registry knows of how a clinic delivers."""

    clinic_id: str = Field(pattern=CLINIC_ID)
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    clinic_type: str
    deid_method: Literal["safe_harbor", "expert_determination"]
    files: list[FileFeed] = Field(min_length=1)
