"""The feeds of simulated clinics: the shipped feed of a shape, under the clinic's own name."""

import re

from registry_pipeline.content import content_path
from registry_pipeline.contracts.load import Contracts
from registry_pipeline.feeds.load import load_feed
from registry_pipeline.feeds.model import Feed
from registry_pipeline.lake.atomic import empty_directory, write_text
from registry_pipeline.settings import Settings
from registry_pipeline.simulate.clinic import SHAPES, Clinic


def shape_feeds(contracts: Contracts) -> dict[str, Feed]:
    """Return the shipped feed of each shape.

    Raises:
        FeedError: If one cannot be read.
    """
    folder = content_path("data_contracts/feeds")
    return {shape: load_feed(folder / f"{_shipped_clinic(shape)}.yaml", contracts) for shape in SHAPES}


def needs_own_feeds(clinics: list[Clinic]) -> bool:
    """Tell whether the shipped feeds do not describe these clinics."""
    return any(clinic.clinic_id != _shipped_clinic(clinic.shape) for clinic in clinics)


def write_feeds(settings: Settings, clinics: list[Clinic]) -> None:
    """Write a feed for every clinic into the home's own feeds folder."""
    shipped = content_path("data_contracts/feeds")
    folder = empty_directory(settings.layout.root / "feeds")
    for clinic in clinics:
        text = (shipped / f"{_shipped_clinic(clinic.shape)}.yaml").read_text(encoding="utf-8")
        own = re.sub(r"^clinic_id: .*$", f"clinic_id: {clinic.clinic_id}", text, count=1, flags=re.MULTILINE)
        write_text(folder / f"{clinic.clinic_id}.yaml", own)


def _shipped_clinic(shape: str) -> str:
    return f"C{SHAPES.index(shape) + 1:03d}"
