"""Every model is documented, and every query runs elsewhere than on DuckDB."""

from typing import Any

import pytest

from tests.warehouse_harness import Project

KEYLESS = {"quality.cross_table_findings", "intermediate.int_ae_occurrence"}


def _own(project: Project) -> list[Any]:
    return [project.models[name] for name in project.order if name in project.models]


def test_every_model_says_what_it_is_and_what_a_row_is(project: Project) -> None:
    for model in _own(project):
        assert model.description, model.name
        # Wide cells of one line can break the same rule, and which session an event was noted at is not kept, so
        # findings and occurrences have no key.
        assert model.grains or model.name in KEYLESS, model.name


def test_every_column_of_every_model_is_described(project: Project) -> None:
    for model in _own(project):
        if model.name.startswith("marts."):
            # A mart's words are in its contract, and nowhere else.
            assert not model.column_descriptions, model.name
            continue
        assert set(model.column_descriptions) == set(model.columns_to_types), model.name


def test_every_column_of_every_mart_has_a_known_type(project: Project) -> None:
    for model in _own(project):
        if not model.name.startswith("marts."):
            continue
        unknown = [name for name, kind in model.columns_to_types.items() if kind.sql().upper() in {"UNKNOWN", "NULL"}]
        assert not unknown, model.name


def test_every_model_that_is_stored_is_audited(project: Project) -> None:
    for model in _own(project):
        if not model.kind.is_view and model.is_sql and model.name != "quality.cross_table_findings":
            assert model.audits, model.name


def test_every_query_transpiles_to_spark(project: Project) -> None:
    from sqlglot import ErrorLevel, parse_one

    for model in _own(project):
        if model.is_sql:
            sql = model.render_query_or_raise().sql("spark", unsupported_level=ErrorLevel.RAISE)
            assert parse_one(sql, dialect="spark") is not None, model.name


def test_no_mart_selects_everything(project: Project) -> None:
    from sqlglot import exp

    for model in _own(project):
        if model.name.startswith("marts.") and model.is_sql:
            stars = [star for star in model.query.find_all(exp.Star) if not isinstance(star.parent, exp.Count)]
            assert not stars, model.name


@pytest.mark.parametrize("name", ["ae_terms", "instruments", "mme_factors", "screening_items", "zip3_restricted"])
def test_a_vocabulary_is_a_table(project: Project, name: str) -> None:
    query = project.build({}, [f"reference.{name}"])
    assert query(f"select count(*) as n from reference.{name}")[0]["n"] > 1


def test_codes_with_leading_zeros_stay_text(project: Project) -> None:
    assert project.columns("reference.zip3_restricted")["zip3"] == "TEXT"
