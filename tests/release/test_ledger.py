"""A release is held against every kept one: what two of them subtracted would tell of a few is not shown anew."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from registry_pipeline.release.publish import publish_release
from registry_pipeline.release.releases import current_release, read_manifest
from registry_pipeline.settings import Settings
from tests.release_support import mart_frame, small_home, write_build

# Every publish writes a whole release.
pytestmark = pytest.mark.slow

Cell = tuple[str, int, int]
Row = tuple[Any, ...]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    return small_home(tmp_path, monkeypatch, keep_releases=3)


@pytest.fixture
def publish(settings: Settings) -> Callable[..., list[Row]]:
    """Return what publishes a mart of some cells and returns what the release shows of it."""
    numbers = iter(range(100))

    def publish_cells(*cells: Cell) -> list[Row]:
        fingerprint = hashlib.sha256(str(next(numbers)).encode()).hexdigest()
        path = settings.layout.work / "build" / "warehouse.duckdb"
        release = publish_release(settings, write_build(path, mart=mart_frame(*cells), fingerprint=fingerprint))
        with duckdb.connect(str(release.path / "registry.duckdb"), read_only=True) as connection:
            return connection.execute(
                "select level, numerator, denominator, is_suppressed, suppression_reason "
                "from marts.response_rates order by level"
            ).fetchall()

    return publish_cells


def n_repeated(settings: Settings) -> Any:
    release = current_release(settings.layout)
    assert release is not None
    return read_manifest(release.path)["marts"]["response_rates"]["n_repeated"]


@pytest.mark.parametrize(
    ("cell", "is_anew"),
    [(("C001", 121, 215), False), (("C001", 131, 230), False), (("C001", 132, 240), True), (("C001", 120, 214), True)],
)
def test_a_row_is_shown_anew_where_it_changes_by_nothing_or_by_many(
    settings: Settings, publish: Callable[..., list[Row]], cell: Cell, is_anew: bool
) -> None:
    publish(("C001", 120, 214))
    (row,) = publish(cell)
    assert row == ((*cell, False, None) if is_anew else ("C001", 120, 214, False, "repeated"))
    assert n_repeated(settings) == (0 if is_anew else 1)


def test_small_changes_add_up_until_they_are_many(publish: Callable[..., list[Row]]) -> None:
    publish(("C001", 120, 240))
    shown = [publish(("C001", 120 + grown, 240 + 2 * grown))[0][1] for grown in (4, 8, 12, 16)]
    assert shown == [120, 120, 132, 132]


def test_a_release_is_held_against_older_ones_than_the_current_one(publish: Callable[..., list[Row]]) -> None:
    publish(("C001", 100, 200))
    publish(("C001", 150, 300))
    # Far enough from the current release, but three more than the one before.
    assert publish(("C001", 103, 206)) == [("C001", 150, 300, False, "repeated")]


def test_a_row_that_the_current_release_hides_stays_hidden_when_an_older_one_tells_its_change(
    publish: Callable[..., list[Row]],
) -> None:
    publish(("C001", 100, 200))
    publish(("C001", 5, 200))
    assert publish(("C001", 104, 208)) == [("C001", None, None, True, "differencing")]


def test_what_was_never_shown_is_shown_at_once(publish: Callable[..., list[Row]]) -> None:
    publish(("C001", 5, 200))
    assert publish(("C001", 12, 200), ("C002", 40, 80)) == [
        ("C001", 12, 200, False, None),
        ("C002", 40, 80, False, None),
    ]


def test_a_raised_threshold_counts_for_kept_releases_too(settings: Settings, publish: Callable[..., list[Row]]) -> None:
    publish(("C001", 15, 200))
    strict = settings.model_copy(update={"small_cell": 20})
    path = settings.layout.work / "build" / "warehouse.duckdb"
    build = write_build(path, mart=mart_frame(("C001", 25, 220)), fingerprint="f" * 64)
    release = publish_release(strict, build)
    with duckdb.connect(str(release.path / "registry.duckdb"), read_only=True) as connection:
        assert connection.execute("select numerator from marts.response_rates").fetchall() == [(25,)]
