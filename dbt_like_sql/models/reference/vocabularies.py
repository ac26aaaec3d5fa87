"""Every CSV of data_contracts/reference as `reference.<name>`; a deployment's own file replaces the shipped one."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmesh import ExecutionContext, model
from sqlmesh.core.model import ModelKindName

from registry_pipeline.content import content_path
from registry_pipeline.warehouse.project import sources
from registry_pipeline.warehouse.reference import read_reference, reference_columns

if TYPE_CHECKING:
    import pandas as pd

DESCRIPTIONS = {
    "instrument": "The outcome instrument.",
    "domain": "What it measures: pain, mood, anxiety, ptsd, function, suicidality, opioid, safety or global.",
    "min_score": "The lowest total there is.",
    "max_score": "The highest total there is.",
    "better": "Whether lower or higher totals are better.",
    "n_items": "Questions in the instrument; null when that varies.",
    "min_answered": "Questions that must be answered for a total.",
    "min_value": "The lowest value there is: of one answer, or of the vital sign.",
    "max_value": "The highest value there is.",
    "param": "The vital sign.",
    "unit": "Its unit.",
    "response_kind": "How response is measured: percent, points, absolute or none.",
    "response_threshold": "The improvement (or the score) from which a patient is a responder.",
    "substantial_threshold": "The same for a substantial response.",
    "remission_op": "How the score is compared with remission_score.",
    "remission_score": "The score of remission.",
    "remission_strict_score": "A second, stricter cut in use.",
    "baseline_floor": "A patient is eligible from this baseline on; null: any baseline above 0.",
    "deterioration_points": "Worse by at least this many points is deterioration.",
    "ae_term": "The adverse-event term.",
    "body_system": "The body system of the term.",
    "is_aesi": "Whether the term is of special interest.",
    "opioid": "The opioid.",
    "dose_unit": "The unit of its daily dose.",
    "mme_per_unit": "Morphine milligram equivalents of one unit.",
    "item": "The screening item.",
    "zip3": "The three-digit ZIP area.",
    "listed_in": "The lists that hold the area.",
    "rule": "The rule's name.",
    "safe_harbor_item": "The Safe Harbor item that the pattern serves.",
    "pattern": "The regular expression.",
    "is_case_sensitive": "Whether the case of letters counts.",
    "applies_to": "The cells that the pattern is tried on.",
    "provenance": "How sure we are: published, from memory, or our decision.",
    "note": "What to know when reading the row.",
}


def execute(context: ExecutionContext, **_: Any) -> "pd.DataFrame":
    return read_reference(Path(str(context.blueprint_var("file"))))


SETTINGS = sources().settings

for shipped in sorted(content_path("data_contracts/reference").glob("*.csv")):
    file = SETTINGS.vocabulary_path(shipped.name)
    columns = reference_columns(file)
    model(
        f"reference.{shipped.stem}",
        kind={"name": ModelKindName.FULL},
        description=f"The vocabulary {shipped.name} in force; its README says where each number comes from.",
        columns=columns,
        column_descriptions={name: DESCRIPTIONS.get(name, f"As in {shipped.name}.") for name in columns},
        grains=[next(iter(columns))],
        blueprints=[{"file": str(file)}],
    )(execute)
