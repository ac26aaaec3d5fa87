"""The one entry: simulate clinics into a home."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.errors import ConfigurationError
from registry_pipeline.feeds.model import Feed
from registry_pipeline.lake.atomic import write_text
from registry_pipeline.progress import Progress, Silent
from registry_pipeline.settings import Settings
from registry_pipeline.simulate.clinic import Clinic, make_clinics
from registry_pipeline.simulate.defects import Defect, plant
from registry_pipeline.simulate.delivery import Deliveries
from registry_pipeline.simulate.feeds import needs_own_feeds, shape_feeds, write_feeds
from registry_pipeline.simulate.generate import generate
from registry_pipeline.simulate.shapes.source import DEFECT, HELPERS
from registry_pipeline.simulate.truth import Tally, tally, truth_document

_DEFECT_COLUMNS = ("clinic_id", "file", "line", "table", "column", "rule_id", "kind")
_ASSESSMENTS_PER_PATIENT = 22.0
"""Measured over large simulations of the canonical shape; a test holds it."""


@dataclass
class Simulation:
    """What was written."""

    landing: Path
    truth: Path
    feeds: Path | None
    """The home's own feeds, when the shipped ones do not fit."""
    clinics: list[Clinic]
    n_rows: dict[str, int] = field(default_factory=dict)
    """Good rows by table; the extra rows of defects do not count."""
    defects: list[dict[str, Any]] = field(default_factory=list)
    """The rows of `truth/defects.csv`."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """The content of `truth/parameters.json`."""


def patients_for_assessments(n_assessments: int) -> int:
    """Return how many patients give about so many assessments (within a few percent from 100,000 on)."""
    return max(1, round(n_assessments / _ASSESSMENTS_PER_PATIENT))


def simulate(
    settings: Settings,
    *,
    n_clinics: int = 8,
    n_patients: int = 800,
    seed: int = 1,
    with_defects: bool = True,
    shapes: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Simulation:
    """Write the deliveries of simulated clinics into a home, and what was planted into its `truth/`.

    The same arguments always write the same bytes.

    Args:
        settings: Names the home.
        n_clinics: How many clinics, at most 1,000.
        n_patients: How many patients over all clinics; clinics differ in size.
        seed: Any whole number from 0.
        with_defects: Plant errors for the contracts to find.
        shapes: The ways of delivering to go round; all eight by default.
        progress: Who watches.

    Raises:
        ConfigurationError: If the numbers cannot be met, or the home holds another simulation.
    """
    watch = progress or Silent()
    clinics = make_clinics(n_clinics=n_clinics, n_patients=n_patients, seed=seed, shapes=shapes)
    arguments = {
        "n_clinics": n_clinics,
        "n_patients": n_patients,
        "seed": seed,
        "with_defects": with_defects,
        "shapes": list(shapes) if shapes else None,
    }
    home = settings.layout
    _refuse_another(home.truth / "parameters.json", arguments)
    contracts = load_contracts(settings)
    feeds = shape_feeds(contracts)
    own_feeds = needs_own_feeds(clinics)
    if own_feeds:
        write_feeds(settings, clinics)
    result = Simulation(home.landing, home.truth, home.root / "feeds" if own_feeds else None, clinics)
    watch.step("Simulating clinics", total=len(clinics))
    tallies = []
    for clinic in clinics:
        tallies.append(_simulate_clinic(result, clinic, feeds[clinic.shape], contracts, with_defects=with_defects))
        watch.advance()
    result.parameters = truth_document(arguments, clinics, tallies)
    write_text(home.truth / "defects.csv", _defects_csv(result.defects))
    write_text(home.truth / "parameters.json", json.dumps(result.parameters, indent=1) + "\n")
    return result


def _refuse_another(parameters: Path, arguments: dict[str, Any]) -> None:
    """Refuse to mix two simulations in one home; repeating one is harmless."""
    if parameters.exists() and json.loads(parameters.read_bytes()).get("arguments") != arguments:
        raise ConfigurationError("This home holds another simulation.", remedy="Choose a new --home.", file=parameters)


def _simulate_clinic(
    result: Simulation, clinic: Clinic, feed: Feed, contracts: Contracts, *, with_defects: bool
) -> Tally:
    total = Tally()
    defects: list[Defect] = []
    with Deliveries(result.landing / clinic.clinic_id, feed, contracts.tables) as deliveries:
        for number, chunk in enumerate(generate(clinic)):
            total.merge(tally(chunk))
            for name, frame in chunk.tables.items():
                result.n_rows[name] = result.n_rows.get(name, 0) + frame.height
            tables = {name: _as_text(frame) for name, frame in chunk.tables.items()}
            if with_defects and number == 0:
                tables, defects = plant(clinic, tables)
            deliveries.add(tables, defects if number == 0 else [])
    if deliveries.n_corrected:
        total.add(deliveries.n_corrected, "n_corrected_assessments")
    places = deliveries.places()
    result.defects += [_defect_row(clinic, defect, *places[defect.number]) for defect in defects]
    return total


def _as_text(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        pl.col(HELPERS[0]), pl.lit(None, dtype=pl.Int32).alias(DEFECT), pl.exclude(HELPERS).cast(pl.String)
    )


def _defect_row(clinic: Clinic, defect: Defect, file: str, line: int) -> dict[str, Any]:
    kind = defect.kind
    return {
        "clinic_id": clinic.clinic_id,
        "file": file,
        "line": line,
        # A row that no mapping claims belongs to no table.
        "table": "" if kind.damage == "unmapped" else kind.table,
        "column": kind.column or "",
        "rule_id": kind.rule_id,
        "kind": kind.name,
    }


def _defects_csv(defects: list[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, _DEFECT_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(defects)
    return buffer.getvalue()
