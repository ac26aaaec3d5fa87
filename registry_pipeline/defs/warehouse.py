"""The SQL assets, derived from the SQLMesh project. One op builds them all in a fresh private file."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from registry_pipeline.release.mart_contracts import MartContract
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.plan import Model


class BuildConfig(dg.Config):
    """How the warehouse is built."""

    is_forced: bool = Field(default=False, description="Build even if the current release already holds everything.")


def sql_assets(
    models: Sequence[Model], marts: Mapping[str, MartContract], known: Collection[dg.AssetKey]
) -> dg.AssetsDefinition:
    """Return every model as an asset.

    Args:
        models: The compiled SQL project.
        marts: Their contracts, which alone say what a mart's columns mean.
        known: The assets of other groups that a model may read.
    """
    keys = {*known, *(dg.AssetKey(list(model.key)) for model in models)}
    specs = [_spec(model, marts, keys) for model in models]

    @dg.multi_asset(name="build", specs=specs, required_resource_keys={"registry"})
    def build(context: dg.AssetExecutionContext, config: BuildConfig) -> Iterator[dg.MaterializeResult[None]]:
        from registry_pipeline.nightly import needs_build, tidy_up  # noqa: PLC0415 - a code location loads often
        from registry_pipeline.warehouse.build import build_warehouse  # noqa: PLC0415 - likewise

        registry = context.resources.registry
        with registry.stage():
            if not config.is_forced and not needs_build(registry.settings):
                context.log.info("Nothing has changed since the current release: nothing to build.")
                tidy_up(registry.settings)
                return
            result = build_warehouse(registry.settings, progress=registry.progress_of(context.log.info))
            n_rows = _row_counts(registry.settings, result.path, models)
        for spec, model in zip(specs, models, strict=True):
            metadata: dict[str, Any] = {"fingerprint": result.fingerprint, "dagster/row_count": n_rows[model.key]}
            yield dg.MaterializeResult(asset_key=spec.key, metadata=metadata)

    return build


def _spec(model: Model, marts: Mapping[str, MartContract], known: Collection[dg.AssetKey]) -> dg.AssetSpec:
    contract = marts.get(model.name) if model.schema == "marts" else None
    words = {column.name: column.description for column in (contract.columns if contract else model.columns)}
    columns = [dg.TableColumn(column.name, column.type, words.get(column.name)) for column in model.columns]
    lineage = {
        column.name: [
            dg.TableColumnDep(dg.AssetKey([schema, name]), parent) for schema, name, parent in column.comes_from
        ]
        for column in model.columns
        if column.comes_from
    }
    wanted = [dg.AssetKey(list(key)) for key in model.depends_on]
    return dg.AssetSpec(
        dg.AssetKey(list(model.key)),
        deps=[key for key in wanted if key in known],
        group_name=model.schema,
        description=model.description,
        kinds={"duckdb", model.language},
        # Nothing changed: nothing is built, and what hangs on it is skipped too.
        skippable=True,
        metadata={
            "grain": ", ".join(model.grain),
            "dagster/column_schema": dg.TableSchema(columns),
            "dagster/column_lineage": dg.TableColumnLineage(lineage),
        },
    )


def _row_counts(settings: Settings, path: Path, models: Sequence[Model]) -> dict[tuple[str, str], int]:
    from registry_pipeline.warehouse.duck import open_database  # noqa: PLC0415 - a code location loads often

    connection = open_database(path, read_only=True, settings=settings)
    try:
        return {
            model.key: connection.execute(f"select count(*) from {model.address}").fetchall()[0][0] for model in models
        }
    finally:
        connection.close()
