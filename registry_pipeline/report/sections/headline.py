"""The head of the page: which release this is, and how much is in it.

What belongs here: `meta.releases`, and the share of rows hidden.
"""

from registry_pipeline.report.page import Cell, Tile
from registry_pipeline.report.source import Row, Source
from registry_pipeline.report.words import NOTHING, Words, percent


def this_release(source: Source) -> Row:
    """Return the row of `meta.releases` about this release; without one, an empty row."""
    rows: list[Row] = source.rows("meta.releases")
    return max(rows, key=lambda row: (row["published_at"], row["release_id"]), default={})


def tiles(source: Source, words: Words) -> tuple[Tile, ...]:
    """Return the numbers at the head of the page."""
    release = this_release(source)
    patients = words.number(release, "n_patients")
    if release and patients.value is None:
        patients = words.hidden()
    return (
        Tile("clinics", words.number(release, "n_clinics")),
        Tile("patients", patients),
        Tile("deliveries", words.number(release, "n_deliveries")),
        Tile("of rows hidden", _hidden_share(source)),
        Tile("contract version", Cell(release.get("contract_version") or NOTHING)),
    )


def _hidden_share(source: Source) -> Cell:
    counted = source.hidden_rows()
    n_rows = sum(entry.n_rows for entry in counted if entry.reason is None)
    n_hidden = sum(entry.n_rows for entry in counted if entry.reason is not None)
    return Cell(percent(n_hidden / n_rows), n_hidden / n_rows) if n_rows else Cell(NOTHING)
