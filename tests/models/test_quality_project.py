"""Every model is documented, and every query runs elsewhere than on DuckDB."""

import re

import pytest

from registry_pipeline.warehouse.plan import Model, project_path
from tests.warehouse_harness import Project

KEYLESS = {"quality.cross_table_findings", "intermediate.int_ae_occurrence"}


def _own(project: Project) -> list[Model]:
    return list(project.models.values())


def test_every_model_says_what_it_is_and_what_a_row_is(project: Project) -> None:
    for model in _own(project):
        assert model.description, model.address
        # Wide cells of one line can break the same rule, and which session an event was noted at is not kept, so
        # findings and occurrences have no key.
        assert model.grain or model.address in KEYLESS, model.address


def test_every_column_of_every_model_is_described(project: Project) -> None:
    for model in _own(project):
        for column in model.columns:
            # A mart's words are in its contract, and nowhere else.
            assert bool(column.description) == (model.schema != "marts"), (model.address, column.name)


def test_every_column_has_a_known_type(project: Project) -> None:
    for model in project.models.values():
        assert {"UNKNOWN", "NULL"}.isdisjoint(model.types.values()), model.address


def test_every_model_that_is_stored_is_audited(project: Project) -> None:
    for model in _own(project):
        if not model.is_view and model.query and model.address != "quality.cross_table_findings":
            assert model.audits, model.address


@pytest.mark.slow
def test_every_query_transpiles_to_spark(project: Project) -> None:
    from sqlglot import ErrorLevel, parse_one

    for model in _own(project):
        if model.query:
            query = parse_one(model.query, dialect="duckdb")
            sql = query.sql("spark", unsupported_level=ErrorLevel.RAISE)
            assert parse_one(sql, dialect="spark") is not None, model.address


@pytest.mark.slow
def test_no_sum_of_floats_depends_on_the_order_of_rows(project: Project) -> None:
    """The same rows give the same bytes: floats are rounded to decimals before they are added up."""
    from sqlglot import exp, parse_one

    floats = {(model.key, name) for model in _own(project) for name, kind in model.types.items() if kind == "DOUBLE"}
    for model in _own(project):
        names = {name for key, name in floats if key in model.depends_on}
        for total in parse_one(model.query or "select 1", dialect="duckdb").find_all(exp.Sum, exp.Avg):
            casts = {cast.to.this for cast in total.find_all(exp.Cast)}
            columns = {column.name for column in total.find_all(exp.Column)}
            # A quartile is picked by a sum of one value.
            if exp.DataType.Type.DECIMAL not in casts and "n_below" not in columns:
                assert exp.DataType.Type.DOUBLE not in casts, model.address
                assert not columns & names, (model.address, columns & names)


def test_no_mart_selects_everything() -> None:
    for file in (project_path() / "models" / "marts").glob("*.sql"):
        assert not re.search(r"select\s+\*|\.\*", file.read_text(encoding="utf-8")), file.name


@pytest.mark.parametrize("name", ["ae_terms", "instruments", "mme_factors", "screening_items"])
def test_a_vocabulary_is_a_table(project: Project, name: str) -> None:
    query = project.build({}, [f"reference.{name}"])
    assert query(f"select count(*) as n from reference.{name}")[0]["n"] > 1
