"""`report.html` of a release: its sections in their order, through the template.

What belongs here: putting the page together. What does not: any figure (`sections/`).
"""

from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from registry_pipeline.lake.atomic import write_text
from registry_pipeline.report.page import Page
from registry_pipeline.report.sections.adverse_events import adverse_events
from registry_pipeline.report.sections.coverage import coverage
from registry_pipeline.report.sections.definitions import definitions
from registry_pipeline.report.sections.dose import dose
from registry_pipeline.report.sections.durability import durability
from registry_pipeline.report.sections.headline import this_release, tiles
from registry_pipeline.report.sections.hidden import hidden
from registry_pipeline.report.sections.quality import quality
from registry_pipeline.report.sections.response import clinics, estimands, outcomes
from registry_pipeline.report.source import Source, open_source
from registry_pipeline.report.words import read_words
from registry_pipeline.settings import Settings

REPORT = "report.html"

_SECTIONS = (
    outcomes,
    clinics,
    estimands,
    dose,
    durability,
    adverse_events,
    coverage,
    quality,
    hidden,
    definitions,
)


def write_report(staged: Path, settings: Settings) -> None:
    """Write `report.html` beside the public database of a release, from what that database shows and nothing else.

    Args:
        staged: The folder that holds `registry.duckdb`.
        settings: How to open it, and the threshold for small cells.

    Raises:
        ConfigurationError: If the database is absent.
        BuildError: If it cannot be read.
        StorageError: If the page cannot be written.
    """
    with open_source(staged / "registry.duckdb", settings) as source:
        page = make_page(source, settings.small_cell)
    write_text(staged / REPORT, render(page))


def make_page(source: Source, small_cell: int) -> Page:
    """Return the page of a release."""
    words, release = read_words(small_cell), this_release(source)
    return Page(
        title="Ketamine therapy outcomes registry",
        release_id=release.get("release_id", "unknown"),
        published_on=f"{release['published_at'].day} {release['published_at']:%B %Y}" if release else "an unknown day",
        statement=words.statement,
        tiles=tiles(source, words),
        sections=[section(source, words) for section in _SECTIONS],
    )


def render(page: Page) -> str:
    """Return the page as HTML that needs nothing else; whatever comes from data is escaped."""
    environment = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = files(__package__).joinpath("templates", "style.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.jinja").render(page=page, style=style)
