"""The compiled SQL project: what is kept is what was compiled, and it is compiled again when something has changed."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from registry_pipeline.settings import Settings
from registry_pipeline.warehouse import project
from registry_pipeline.warehouse.plan import Model, ModelColumn, read_plan

COLUMN = ModelColumn("rate", "DOUBLE", "The rate.", (("staging", "stg_course", "course_id"),))
MODEL = Model(
    "marts",
    "rates",
    "Rates.",
    depends_on=(("staging", "stg_course"),),
    columns=(COLUMN,),
    grain=("rate",),
    query="select 1.0 as rate",
    audits=(("not_null", "select 1"),),
)


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Mock:
    found = Mock(return_value=[MODEL])
    monkeypatch.setattr(project, "compile_project", found)
    return found


def test_what_is_kept_is_what_was_compiled(tmp_path: Path, compiler: Mock) -> None:
    settings = Settings(home=tmp_path, plans=tmp_path / "plans")
    assert read_plan(settings) == read_plan(settings) == [MODEL]
    assert compiler.call_count == 1


def test_another_vocabulary_is_another_plan(tmp_path: Path, compiler: Mock) -> None:
    own = tmp_path / "reference"
    own.mkdir()
    (own / "ae_terms.csv").write_text("ae_term\nnausea\n", encoding="utf-8")
    read_plan(Settings(home=tmp_path, plans=tmp_path / "plans"))
    read_plan(Settings(home=tmp_path, plans=tmp_path / "plans", reference=own))
    (own / "ae_terms.csv").write_text("ae_term\nvomiting\n", encoding="utf-8")
    read_plan(Settings(home=tmp_path, plans=tmp_path / "plans", reference=own))
    assert compiler.call_count == 3


def test_a_plan_is_kept_in_the_home_unless_told_otherwise(
    tmp_path: Path, compiler: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REGISTRY_PLANS")
    absent = Settings(home=tmp_path / "absent")
    read_plan(absent)
    assert not absent.home.exists(), "to look at a home does not make one"
    read_plan(Settings(home=tmp_path))
    assert len(list((tmp_path / "work" / "plans").iterdir())) == 1


def test_old_plans_are_forgotten(tmp_path: Path, compiler: Mock) -> None:
    plans = tmp_path / "plans"
    plans.mkdir()
    for number in range(20):
        (plans / f"{number}.json").write_text("[]", encoding="utf-8")
    settings = Settings(home=tmp_path, plans=plans)
    assert read_plan(settings) == read_plan(settings) == [MODEL]
    assert compiler.call_count == 1
    assert len(list(plans.iterdir())) < 20


def test_every_model_comes_after_what_it_reads(settings_of_tests: Settings) -> None:
    seen: set[tuple[str, str]] = set()
    models = read_plan(settings_of_tests)
    own = {model.key for model in models}
    for model in models:
        assert own & set(model.depends_on) <= seen, model.address
        seen.add(model.key)


@pytest.fixture
def settings_of_tests(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_a_column_in_sql_says_what_it_is_computed_from(settings_of_tests: Settings) -> None:
    models = {model.address: model for model in read_plan(settings_of_tests)}
    columns = {column.name: column for column in models["marts.response_rates"].columns}
    assert columns["numerator"].comes_from
