"""The language of a feed file, as pydantic models. A key that is not here is an error."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from registry_pipeline.feeds.sources import FhirBulk, RedcapExport
from registry_pipeline.lake.receipts import Mode

Format = Literal["csv", "ndjson", "json", "parquet", "excel", "xpt", "redcap", "fhir"]
Text = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int | float) else value)]
"""Text that may be written as a bare number in YAML."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CsvDialect(_Strict):
    """How a clinic writes delimited text."""

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', min_length=1, max_length=1)
    encoding: str = "utf-8"
    decimal: Literal[".", ","] = "."


class ColumnMapping(_Strict):
    """Where a column of the contract comes from: exactly one of the three."""

    source: str | None = Field(default=None, alias="from")
    constant: Text | None = None
    template: str | None = None
    """Text with `{source column}` in it, for ids that a wide file does not have."""
    values: dict[Text, Text] = Field(default_factory=dict)
    """The clinic's word for each of ours; a word that is not here is passed on as it is, and judged by the contract."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"from": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _exactly_one(self) -> "ColumnMapping":
        if sum(part is not None for part in (self.source, self.constant, self.template)) != 1:
            raise ValueError("give exactly one of `from`, `constant`, `template`")
        if self.values and self.source is None:
            raise ValueError("`values` needs `from`")
        return self


class Unpivot(_Strict):
    """Wide visits to long: each non-empty cell of the listed columns becomes one record."""

    into: str
    columns: dict[str, dict[str, Text]] = Field(min_length=1)
    """Source column → constants of its record: columns of the contract, or names that a template uses."""


class TableMapping(_Strict):
    """How one table of the contract is read from a file."""

    table: str
    sheet: str | None = None
    where: dict[str, list[Text]] = Field(default_factory=dict)
    columns: dict[str, ColumnMapping] = Field(default_factory=dict)
    unpivot: Unpivot | None = None


class FileFeed(_Strict):
    """One kind of file that a clinic sends."""

    pattern: str = Field(min_length=1)
    format: Format
    mode: Mode
    sequence: str | None = None
    csv: CsvDialect = CsvDialect()
    redcap: RedcapExport = RedcapExport()
    fhir: FhirBulk = FhirBulk()
    null_values: list[Text] = Field(default_factory=list)
    ignore: list[str] = Field(default_factory=list)
    ignore_sheets: list[str] = Field(default_factory=list)
    tables: list[TableMapping] = Field(min_length=1)

    @model_validator(mode="after")
    def _sheets_belong_to_excel(self) -> "FileFeed":
        if (self.format == "excel") != all(mapping.sheet for mapping in self.tables):
            raise ValueError("every table of an excel file needs `sheet`, and no other format has one")
        return self


class Feed(_Strict):
    """Everything the registry knows of how a clinic delivers."""

    clinic_id: str = Field(pattern=r"^C[0-9]{3,}$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    clinic_type: str
    deid_method: Literal["safe_harbor", "expert_determination"]
    files: list[FileFeed] = Field(min_length=1)
