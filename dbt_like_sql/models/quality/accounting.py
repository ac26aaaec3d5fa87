"""What the rules that span tables refused, and what of each delivery still counts."""

from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator
from sqlmesh.core.model import ModelKindName

from registry_pipeline.warehouse import staging
from registry_pipeline.warehouse.project import sources
from registry_pipeline.warehouse.python_models import columns


def entrypoint(evaluator: MacroEvaluator) -> str:
    return str(evaluator.blueprint_var("query"))


TABLES = sources().contracts.tables

model(
    "quality.cross_table_findings",
    is_sql=True,
    kind={"name": ModelKindName.FULL},
    description="What pointers and rules that span tables found in current rows; a warning does not refuse its row.",
    columns={
        "clinic_id": "varchar",
        "delivery_id": "varchar",
        "table_name": "varchar",
        "line": "bigint",
        "column_name": "varchar",
        "rule_id": "varchar",
        "severity": "varchar",
    },
    column_descriptions={
        "clinic_id": "The clinic that sent the row.",
        "delivery_id": "The delivery that the row came in.",
        "table_name": "The table of the row.",
        "line": "The physical line of the row in its file, from 1.",
        "column_name": "The column that the rule judges: a pointer without its accepted parent, or a value.",
        "rule_id": "The rule that the row breaks, such as session.course_id_orphan.",
        "severity": "Whether the row is refused (reject, once per row) or accepted with a question (warn).",
    },
    audits=[
        ("not_null", {"columns": columns("clinic_id", "delivery_id", "line", "rule_id", "column_name", "severity")})
    ],
    blueprints=[{"query": staging.findings_query(TABLES)}],
)(entrypoint)

model(
    "quality.delivery_adjustments",
    is_sql=True,
    kind={"name": ModelKindName.FULL},
    description="What the warehouse found about each delivery after its receipt was written.",
    columns={
        "clinic_id": "varchar",
        "delivery_id": "varchar",
        "n_cross_table_refused": "bigint",
        "n_current": "bigint",
    },
    column_descriptions={
        "clinic_id": "The clinic that sent it.",
        "delivery_id": "The delivery.",
        "n_cross_table_refused": "Its current rows that a rule spanning tables refuses.",
        "n_current": "Its rows that are current, refused ones included; the rest of its accepted rows is superseded.",
    },
    grains=["(clinic_id, delivery_id)"],
    audits=[
        ("not_null", {"columns": columns("clinic_id", "delivery_id")}),
        ("unique_combination_of_columns", {"columns": columns("clinic_id", "delivery_id")}),
    ],
    blueprints=[{"query": staging.adjustments_query(TABLES)}],
)(entrypoint)
