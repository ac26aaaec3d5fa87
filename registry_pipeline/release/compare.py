"""What changed between two releases: in what they were made from, and in the numbers they show.

What belongs here: reading and comparing. What does not: printing (`cli/releases.py`), and whether a change may be
shown at all: only public marts are compared, so nothing hidden can come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry_pipeline.errors import ConfigurationError
from registry_pipeline.release.releases import Release, published, read_manifest

if TYPE_CHECKING:
    import polars as pl

    from registry_pipeline.settings import Settings

PUBLIC = "registry.duckdb"
_INPUTS = ("contract_version", "code_version", "small_cell")


@dataclass(frozen=True)
class InputChange:
    """One thing that the releases were made from, before and after."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class MartChange:
    """How the rows of one mart differ."""

    mart: str
    n_same: int
    n_changed: int
    n_added: int
    n_removed: int
    n_newly_hidden: int
    n_newly_shown: int
    largest_change: float | None
    """Largest change of a shown rate or survival, in points of 1."""


@dataclass(frozen=True)
class Comparison:
    """Two releases side by side, the earlier one first."""

    before: Release
    after: Release
    inputs: list[InputChange]
    n_new_deliveries: int
    n_gone_deliveries: int
    marts: list[MartChange]


def find_release(settings: Settings, release_id: str) -> Release:
    """Return a release on disk.

    Raises:
        ConfigurationError: If there is none of this id.
    """
    for release in published(settings.layout):
        if release.release_id == release_id:
            return release
    raise ConfigurationError(
        f"There is no release {release_id}.",
        remedy="`registry releases` lists those on disk.",
        file=settings.layout.releases,
    )


def compare(settings: Settings, before: Release, after: Release) -> Comparison:
    """Compare two releases.

    Raises:
        ConfigurationError: If a manifest cannot be read.
        BuildError: If a database cannot be read.
    """
    from registry_pipeline.release.databases import read_marts  # noqa: PLC0415 - DuckDB; the list of releases needs none
    from registry_pipeline.release.mart_contracts import load_mart_contracts  # noqa: PLC0415 - likewise

    old, new = read_manifest(before.path), read_manifest(after.path)
    had, has = set(old["deliveries"]), set(new["deliveries"])
    first, second = (read_marts(release.path / PUBLIC, settings) for release in (before, after))
    contracts = load_mart_contracts(settings)
    marts = [
        _compare_mart(name, first.get(name), second.get(name), list(contracts[name].grain))
        for name in sorted({*first, *second})
        if name in contracts
    ]
    return Comparison(before, after, _inputs(old, new), len(has - had), len(had - has), marts)


def _inputs(old: dict[str, Any], new: dict[str, Any]) -> list[InputChange]:
    changes = [
        InputChange(name.replace("_", " "), str(old[name]), str(new[name]))
        for name in _INPUTS
        if old.get(name) != new.get(name)
    ]
    feeds_before, feeds_after = old.get("feeds", {}), new.get("feeds", {})
    changes += [
        InputChange(
            f"feed of {clinic}", *(", ".join(feeds.get(clinic, [])) or "none" for feeds in (feeds_before, feeds_after))
        )
        for clinic in sorted({*feeds_before, *feeds_after})
        if feeds_before.get(clinic) != feeds_after.get(clinic)
    ]
    return changes


def _compare_mart(name: str, old: pl.DataFrame | None, new: pl.DataFrame | None, grain: list[str]) -> MartChange:
    if old is None or new is None:
        gone, come = (0 if frame is None else frame.height for frame in (old, new))
        return MartChange(name, 0, 0, come, gone, 0, 0, None)
    both = old.join(new, on=grain, how="inner", suffix="_after", nulls_equal=True)
    return MartChange(
        name,
        **_counts(both, [column for column in old.columns if column in new.columns and column not in grain]),
        n_added=new.join(old, on=grain, how="anti", nulls_equal=True).height,
        n_removed=old.join(new, on=grain, how="anti", nulls_equal=True).height,
    )


def _counts(both: pl.DataFrame, columns: list[str]) -> dict[str, Any]:
    import polars as pl  # noqa: PLC0415 - see compare

    differs = pl.any_horizontal(
        pl.lit(value=False), *(pl.col(column).ne_missing(pl.col(f"{column}_after")) for column in columns)
    )
    estimate = next((column for column in ("rate", "survival") if column in columns), None)
    change = None
    if estimate is not None:
        shift = (pl.col(f"{estimate}_after") - pl.col(estimate)).abs()
        change = both.select(shift.fill_nan(None).max()).item()
    hidden, hidden_after = pl.col("is_suppressed"), pl.col("is_suppressed_after")
    n_changed, n_newly_hidden, n_newly_shown = both.select(
        differs.sum(), (~hidden & hidden_after).sum().alias("hidden"), (hidden & ~hidden_after).sum().alias("shown")
    ).row(0)
    return {
        "n_same": both.height - n_changed,
        "n_changed": n_changed,
        "n_newly_hidden": n_newly_hidden,
        "n_newly_shown": n_newly_shown,
        "largest_change": change,
    }
