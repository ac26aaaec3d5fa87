"""What a later record or delivery took the place of."""

from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator
from sqlmesh.core.model import ModelKindName

from registry_pipeline.warehouse import superseded
from registry_pipeline.warehouse.project import sources
from registry_pipeline.warehouse.python_models import columns


def entrypoint(evaluator: MacroEvaluator) -> str:
    return str(evaluator.blueprint_var("query"))


model(
    "quality.superseded_records",
    is_sql=True,
    kind={"name": ModelKindName.FULL},
    description=(
        "Every accepted record, in the deliveries that count, that a later record with its key took the place of, and "
        "every retraction. Records of a snapshot that a later snapshot replaced are in quality.superseded_deliveries."
    ),
    columns={
        "clinic_id": "varchar",
        "table_name": "varchar",
        "delivery_id": "varchar",
        "line": "bigint",
        "how": "varchar",
        "superseded_by": "varchar",
        "superseded_by_line": "bigint",
    },
    column_descriptions={
        "clinic_id": "The clinic that sent the record.",
        "table_name": "The table of the record.",
        "delivery_id": "The delivery that the record came in.",
        "line": "The physical line of the record in its file, from 1.",
        "how": "corrected (a later record counts), retracted (taken back as entered in error), or retraction (the "
        "record that takes back).",
        "superseded_by": "The delivery with the latest record of the key; empty for a latest record that takes back.",
        "superseded_by_line": "The line of that record.",
    },
    grains=["(clinic_id, table_name, delivery_id, line)"],
    audits=[("not_null", {"columns": columns("clinic_id", "table_name", "delivery_id", "line", "how")})],
    blueprints=[{"query": superseded.records_query(sources().contracts.tables)}],
)(entrypoint)

model(
    "quality.superseded_deliveries",
    is_sql=True,
    kind={"name": ModelKindName.FULL},
    description="Every delivery of a snapshot source that a later snapshot replaced: none of its records counts.",
    columns={
        "clinic_id": "varchar",
        "delivery_id": "varchar",
        "file_name": "varchar",
        "superseded_by": "varchar",
    },
    column_descriptions={
        "clinic_id": "The clinic that sent it.",
        "delivery_id": "The delivery that was replaced.",
        "file_name": "The file's path below the clinic's landing folder.",
        "superseded_by": "The delivery that counts in its place.",
    },
    grains=["(clinic_id, delivery_id)"],
    audits=[
        ("not_null", {"columns": columns("clinic_id", "delivery_id", "superseded_by")}),
        ("unique_combination_of_columns", {"columns": columns("clinic_id", "delivery_id")}),
    ],
    blueprints=[{"query": superseded.deliveries_query()}],
)(entrypoint)
