"""What a feed says of sources that are more than a table of cells: REDCap exports and FHIR bulk files."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator


class RedcapExport(BaseModel):
    """How a REDCap project is exported."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dictionary: Path | None = None
    """The project's data dictionary (CSV). A feed names it as it lies beside the feed; loading makes it a full path."""
    labels: list[str] = Field(default_factory=list)
    """Coded fields of a raw export that mappings see with the dictionary's labels; `*` stands for any letters."""

    @field_validator("dictionary")
    @classmethod
    def _beside_the_feed(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        folder: Path | None = (info.context or {}).get("folder")
        if value is None or folder is None:
            return value
        if value.name != str(value) or not (folder / value).is_file():
            raise ValueError("there is no such file beside the feed")
        return folder / value


class FhirBulk(BaseModel):
    """What the codes of FHIR resources are called, and what they count."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    systems: dict[str, str] = Field(default_factory=dict)
    """Our short name of a code system → its address: with `loinc: http://loinc.org` a code is in `code.loinc`,
    wherever it stands in its list of codings."""
    answers: dict[str, str | int | float] = Field(default_factory=dict)
    """Code of a coded answer in a questionnaire → what it counts (`LA6568-5: 0`); other codes stay as they are."""
