"""Four staging models for every table contract: `ref_<table>`, `cur_<table>`, `out_<table>` and `stg_<table>`.

Only what is left out is written (rows that were superseded, refused or withdrawn); the rest is views over the lake.

The SQL and the documentation come from the contract, so a new column or table needs no code here.
"""

from typing import Any

from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator
from sqlmesh.core.model import ModelKindName

from registry_pipeline.contracts.model import Column, TableContract
from registry_pipeline.warehouse import staging, superseded
from registry_pipeline.warehouse.across import key_columns
from registry_pipeline.warehouse.project import sources
from registry_pipeline.warehouse.python_models import columns


def entrypoint(evaluator: MacroEvaluator) -> str:
    return str(evaluator.blueprint_var("query"))


def documented(described: tuple[Column, ...]) -> dict[str, Any]:
    return {
        "columns": {column.name: column.physical_type for column in described},
        "column_descriptions": {column.name: column.description for column in described},
    }


def audits(table: TableContract) -> list[Any]:
    key = key_columns(table)
    # A part of a key may be empty where the contract says what that means; two rows that are both empty agree in it.
    optional = {column.name for column in table.columns if not column.is_required}
    return [
        ("not_null", {"columns": columns(*(name for name in key if name not in optional))}),
        ("unique_combination_of_columns", {"columns": columns(*key)}),
    ]


TABLES = sources().contracts.tables

model(
    "staging.superseded_row",
    is_sql=True,
    kind={"name": ModelKindName.FULL},
    description="Every row of a live delivery that is not the current one of its key, and what took its place.",
    grains=["table_name", "delivery_order", "row_no"],
    audits=[("unique_combination_of_columns", {"columns": columns("table_name", "delivery_order", "row_no")})],
    blueprints=[{"query": superseded.rows_query(TABLES)}],
    **documented(superseded.COLUMNS),
)(entrypoint)

for table in staging.delivered(TABLES):
    model(
        f"staging.ref_{table.name}",
        is_sql=True,
        kind={"name": ModelKindName.FULL},
        description=f"The current rows of {table.name} that a pointer or a rule spanning tables refuses.",
        grains=["delivery_order", "row_no"],
        audits=[("unique_combination_of_columns", {"columns": columns("delivery_order", "row_no")})],
        blueprints=[{"query": staging.refused_query(table, TABLES)}],
        **documented((*staging.PLACE, staging.REFUSED_BY)),
    )(entrypoint)
    model(
        f"staging.cur_{table.name}",
        is_sql=True,
        kind={"name": ModelKindName.VIEW},
        description=f"The current row of each {table.name}: the latest delivery's, and in it the latest line's.",
        grains=list(key_columns(table)),
        audits=audits(table),
        blueprints=[{"query": staging.current_query(table)}],
        **documented(staging.current_columns(table)),
    )(entrypoint)
    model(
        f"staging.out_{table.name}",
        is_sql=True,
        kind={"name": ModelKindName.FULL},
        description=f"The rows of {table.name} that may not be used: superseded, refused, or withdrawn with deletion.",
        grains=["delivery_order", "row_no"],
        audits=[("unique_combination_of_columns", {"columns": columns("delivery_order", "row_no")})],
        blueprints=[{"query": staging.left_out_query(table, TABLES)}],
        **documented(staging.PLACE),
    )(entrypoint)

for table in TABLES.values():
    model(
        f"staging.stg_{table.name}",
        is_sql=True,
        kind={"name": ModelKindName.VIEW},
        description=f"{table.description} Accepted rows, one per key; none of patients who withdrew with deletion.",
        grains=list(key_columns(table)),
        blueprints=[{"query": staging.accepted_query(table)}],
        **documented(staging.contract_columns(table)),
    )(entrypoint)
