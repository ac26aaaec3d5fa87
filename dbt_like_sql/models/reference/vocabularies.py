"""What models and rules across tables join, as `reference.<name>`; a deployment's own file replaces the shipped one."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry_pipeline.contracts.model import Across
from registry_pipeline.warehouse.project import sources
from registry_pipeline.warehouse.python_models import Tables, python_model
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
    "min_value": "The lowest value of one answer.",
    "max_value": "The highest value of one answer.",
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
    "rule": "What the item means where it is present: exclude, precaution, test, …",
    "provenance": "How sure we are: published, from memory, or our decision.",
    "note": "What to know when reading the row.",
}


def execute(context: Tables, **_: Any) -> "pd.DataFrame":
    return read_reference(Path(str(context.blueprint_var("file"))))


OF_MODELS = {"ae_terms", "instruments", "mme_factors", "screening_items"}
OF_RULES = {
    summary.of.removeprefix("reference.")
    for table in sources().contracts.tables.values()
    for rule in table.rules
    if isinstance(rule.check, Across)
    for summary in rule.check.summaries
    if summary.vocabulary
}

for name in sorted(OF_MODELS | OF_RULES):
    file = sources().settings.vocabulary_path(f"{name}.csv")
    columns = reference_columns(file)
    python_model(
        f"reference.{name}",
        description=f"The vocabulary {file.name} in force; its README says where each number comes from.",
        columns=columns,
        column_descriptions={column: DESCRIPTIONS.get(column, f"As in {file.name}.") for column in columns},
        grain=[next(iter(columns))],
        blueprints=[{"file": str(file)}],
    )(execute)
