"""Going back to an earlier release, listing releases, and saying what changed between two."""

import json

import pytest
from typer.testing import CliRunner

from registry_pipeline.cli import app
from registry_pipeline.errors import ConfigurationError, LockHeldError
from registry_pipeline.lake.atomic import exclusive
from registry_pipeline.release import compare as comparing
from registry_pipeline.release.publish import publish_release
from registry_pipeline.release.releases import current_release, published
from registry_pipeline.release.rollback import roll_back, set_aside
from tests.faults.test_publish import NEW, OLD, gate, new_build, publish_build, settings

__all__ = ["gate", "publish_build", "settings"]

pytestmark = pytest.mark.slow


@pytest.fixture
def two(settings, publish_build):
    """Return the older and the newer of two releases."""
    return publish_build(OLD), publish_build(NEW)


def current_id(settings):
    found = current_release(settings.layout)
    return found and found.release_id


def test_rolling_back_points_to_the_release_before_and_deletes_nothing(settings, two):
    older, newer = two
    assert roll_back(settings.layout).release_id == older.release_id == current_id(settings)
    assert {release.release_id for release in published(settings.layout)} == {older.release_id, newer.release_id}


def test_a_release_that_was_rolled_back_is_not_built_again_from_the_same_inputs(settings, two, monkeypatch):
    from registry_pipeline import nightly
    from registry_pipeline.warehouse import build

    roll_back(settings.layout)
    for fingerprint, is_needed in ((NEW, False), (OLD, False), ("f" * 64, True)):
        monkeypatch.setattr(build, "inputs_fingerprint", lambda _settings, found=fingerprint: found)
        assert nightly.needs_build(settings) is is_needed


def test_publishing_the_same_inputs_on_purpose_takes_the_release_up_again(settings, two):
    _, newer = two
    roll_back(settings.layout)
    assert list(set_aside(settings.layout)) == [NEW]
    publish_release(settings, new_build(settings, NEW))
    assert current_id(settings) == newer.release_id
    assert set_aside(settings.layout) == {}


def test_going_forward_again_is_a_rollback_to_the_later_release(settings, two):
    _, newer = two
    roll_back(settings.layout)
    roll_back(settings.layout, newer.release_id)
    assert current_id(settings) == newer.release_id
    assert set_aside(settings.layout) == {}


@pytest.mark.parametrize("release_id", [None, "20200101-nothing"])
def test_where_there_is_nothing_to_go_back_to_nothing_changes(settings, publish_build, release_id):
    only = publish_build(OLD)
    with pytest.raises(ConfigurationError, match="no "):
        roll_back(settings.layout, release_id)
    assert current_id(settings) == only.release_id


def test_a_release_with_missing_files_is_not_gone_back_to(settings, two):
    older, newer = two
    (older.path / "registry.duckdb").unlink()
    with pytest.raises(ConfigurationError, match="missing"):
        roll_back(settings.layout)
    assert current_id(settings) == newer.release_id
    assert set_aside(settings.layout) == {}


def test_nothing_is_rolled_back_under_a_run(settings, two):
    with exclusive(settings.layout.lock), pytest.raises(LockHeldError):
        roll_back(settings.layout)
    assert current_id(settings) == two[1].release_id


def test_the_commands_list_compare_and_roll_back(settings, two, monkeypatch):
    older, newer = two
    home = ["--home", str(settings.home)]
    run = CliRunner()
    monkeypatch.setattr("registry_pipeline.release.mart_contracts.load_mart_contracts", contracts_of(settings))
    compared = json.loads(run.invoke(app, ["diff", older.release_id, newer.release_id, "--json", *home]).stdout)
    (mart,) = compared["marts"]
    assert (mart["mart"], mart["n_changed"] > 0, mart["n_added"], mart["n_removed"]) == ("response_rates", True, 0, 3)
    assert "largest change" in run.invoke(app, ["diff", older.release_id, newer.release_id, *home]).stdout
    assert run.invoke(app, ["rollback", *home]).exit_code == 0
    listed = json.loads(run.invoke(app, ["releases", "--json", *home]).stdout)
    assert [row["state"] for row in listed] == ["rolled back", "current"]
    assert "rolled back" in run.invoke(app, ["releases", *home]).stdout


def test_a_release_that_does_not_exist_is_named(settings, publish_build):
    publish_build(OLD)
    with pytest.raises(ConfigurationError, match="20200101-nothing"):
        comparing.find_release(settings, "20200101-nothing")


def contracts_of(settings):
    from registry_pipeline.release import write

    return lambda _settings: write.load_mart_contracts(settings)
