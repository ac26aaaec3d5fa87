"""What a feed says of sources that are more than a table of cells: REDCap exports and FHIR bulk files."""

from pydantic import BaseModel, ConfigDict


class RedcapExport(BaseModel):
    """How a REDCap project is exported."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FhirBulk(BaseModel):
    """Which FHIR resources a file holds and what their codes mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)
