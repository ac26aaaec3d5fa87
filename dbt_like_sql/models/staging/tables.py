"""Two staging models for every table contract: `cur_<table>` and `stg_<table>`.

The SQL and the documentation come from the contract, so a new column or table needs no code here.
"""

from typing import Any

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator
from sqlmesh.core.model import ModelKindName

from registry_pipeline.contracts.model import Column, TableContract
from registry_pipeline.warehouse import staging
from registry_pipeline.warehouse.across import key_columns
from registry_pipeline.warehouse.project import sources


def entrypoint(evaluator: MacroEvaluator) -> str:
    return str(evaluator.blueprint_var("query"))


def documented(columns: tuple[Column, ...]) -> dict[str, Any]:
    return {
        "columns": {column.name: column.physical_type for column in columns},
        "column_descriptions": {column.name: column.description for column in columns},
    }


def audits(table: TableContract) -> list[Any]:
    # As expressions: SQLMesh takes bare strings for text literals, and every row has the same of those.
    key = key_columns(table)
    # A part of a key may be empty where the contract says what that means; two rows that are both empty agree in it.
    optional = {column.name for column in table.columns if not column.is_required}
    filled = [exp.column(name) for name in key if name not in optional]
    return [
        ("not_null", {"columns": filled}),
        ("unique_combination_of_columns", {"columns": [exp.column(name) for name in key]}),
    ]


TABLES = sources().contracts.tables

for table in staging.delivered(TABLES):
    model(
        f"staging.cur_{table.name}",
        is_sql=True,
        kind={"name": ModelKindName.FULL},
        description=f"The current row of each {table.name}: the latest delivery's, and in it the latest line's.",
        grains=list(key_columns(table)),
        audits=audits(table),
        blueprints=[{"query": staging.current_query(table, TABLES)}],
        **documented(staging.current_columns(table)),
    )(entrypoint)

for table in TABLES.values():
    model(
        f"staging.stg_{table.name}",
        is_sql=True,
        kind={"name": ModelKindName.VIEW},
        description=f"{table.description} Accepted rows, one per key; none of patients who withdrew with deletion.",
        grains=list(key_columns(table)),
        blueprints=[{"query": staging.accepted_query(table, TABLES)}],
        **documented(staging.contract_columns(table)),
    )(entrypoint)
