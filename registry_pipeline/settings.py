"""The only reader of environment variables: every knob a deployment may turn, with its default."""

from functools import cached_property
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from registry_pipeline.content import content_path, reference_path
from registry_pipeline.lake.paths import Home

NIGHTLY_HOUR = 2
"""The hour, UTC, at which the schedule runs the nightly job."""


class Settings(BaseSettings):
    """Settings of one run, from keyword arguments first, then from `REGISTRY_*` variables."""

    model_config = SettingsConfigDict(env_prefix="REGISTRY_", frozen=True, extra="ignore")

    home: Path = Field(default=Path("registry_home"), description="The folder that holds everything a deployment owns.")
    feeds: Path | None = Field(default=None, description="One YAML per clinic; replaces data_contracts/feeds.")
    contracts: Path | None = Field(default=None, description="One ODCS file per table; replaces data_contracts/tables.")
    reference: Path | None = Field(default=None, description="Vocabularies; a file here replaces the shipped one.")
    plans: Path | None = Field(default=None, description="Where the compiled SQL project is kept; else work/plans.")
    memory_limit: str = Field(default="2GB", description="What DuckDB may use before it spills to work/.")
    threads: int = Field(default=2, ge=1, description="Threads for DuckDB.")
    batch_mib: int = Field(default=8, ge=1, description="MiB of text that ingest reads at a time.")
    settle_seconds: float = Field(default=2.0, ge=0, description="A file younger than this may still be being written.")
    small_cell: int = Field(default=10, ge=0, description="Counts from 1 to this are hidden in the public release.")
    min_clinics: int = Field(default=3, ge=1, description="Figures of fewer clinics together are hidden in it.")
    max_clinic_share: float = Field(default=0.8, gt=0, le=1, description="So are those with more of one clinic.")
    sensitive_below: int = Field(default=30, ge=0, description="Smaller groups are not shown as having none or all.")
    keep_releases: int = Field(default=14, ge=1, description="Releases that stay on disk.")

    @cached_property
    def layout(self) -> Home:
        """Return the paths inside the home."""
        return Home(self.home.resolve())

    @cached_property
    def feeds_dir(self) -> Path:
        """Return the feeds in force: as told, else the home's own `feeds/`, else the shipped ones."""
        own = self.layout.root / "feeds"
        return self.feeds or (own if own.is_dir() else content_path("data_contracts/feeds"))

    @cached_property
    def contracts_dir(self) -> Path:
        """Return the folder of table contracts in force."""
        return self.contracts or content_path("data_contracts/tables")

    def vocabulary_path(self, name: str) -> Path:
        """Return the file of a reference vocabulary: the deployment's own if it has one, else the shipped one."""
        return reference_path(self.reference, name)
