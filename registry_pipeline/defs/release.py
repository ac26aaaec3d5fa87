"""The release asset: what analysts open. It is made only when every blocking check on the marts has passed."""

from collections.abc import Sequence

import dagster as dg

from registry_pipeline.defs.ingest import DELIVERIES, QUARANTINE
from registry_pipeline.errors import BuildError
from registry_pipeline.warehouse.plan import Model

GROUP = "release"
RELEASE = dg.AssetKey(["release", "registry"])


def release_asset(models: Sequence[Model]) -> dg.AssetsDefinition:
    """Return the asset that publishes a release of all models."""
    spec = dg.AssetSpec(
        RELEASE,
        deps=[DELIVERIES, QUARANTINE, *(dg.AssetKey(list(model.key)) for model in models)],
        group_name=GROUP,
        kinds={"duckdb"},
        description="The immutable release that `current` points to: registry.duckdb, restricted.duckdb, manifest.",
    )

    @dg.multi_asset(name="publish", specs=[spec], required_resource_keys={"registry"})
    def publish(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        from registry_pipeline.release.publish import publish_release  # noqa: PLC0415 - a code location loads often
        from registry_pipeline.warehouse.build import discard_build, read_build  # noqa: PLC0415 - likewise

        registry = context.resources.registry
        with registry.stage():
            build = read_build(registry.settings)
            if build is None:
                raise BuildError("There is no finished build to publish.", remedy="Run the job `rebuild`.")
            release = publish_release(registry.settings, build, progress=registry.progress_of(context.log.info))
            discard_build(registry.settings)
        return dg.MaterializeResult(
            asset_key=RELEASE,
            metadata={
                "release_id": release.release_id,
                "fingerprint": release.fingerprint,
                "path": dg.MetadataValue.path(str(release.path)),
            },
        )

    return publish
