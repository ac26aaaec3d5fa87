"""The Dagster code location: puts the objects of defs/ together and stamps policy on all of them."""

import dagster as dg

from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.defs.ingest import DELIVERIES, QUARANTINE, ingest_assets, lake_key, landing_asset
from registry_pipeline.defs.jobs import JOBS, nightly_schedule
from registry_pipeline.defs.lake_checks import lake_checks
from registry_pipeline.defs.mart_checks import mart_checks
from registry_pipeline.defs.release import release_asset
from registry_pipeline.defs.resources import Registry, registry_resource
from registry_pipeline.defs.run import run_in_process
from registry_pipeline.defs.sensors import landing_sensor
from registry_pipeline.defs.warehouse import sql_assets
from registry_pipeline.progress import Progress
from registry_pipeline.release.mart_contracts import load_mart_contracts
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.plan import read_plan


def build_definitions(registry: Registry) -> dg.Definitions:
    """Return everything that Dagster knows of a home."""
    contracts, marts = load_contracts(registry.settings), load_mart_contracts(registry.settings)
    models = read_plan(registry.settings)
    lake = [*map(lake_key, contracts.tables), DELIVERIES, QUARANTINE]
    made = [ingest_assets(contracts), sql_assets(models, marts, lake), release_asset(models)]
    owned = dg.map_asset_specs(lambda spec: spec.replace_attributes(owners=["team:registry"]), made)
    return dg.Definitions(
        assets=[landing_asset(), *owned],
        asset_checks=[lake_checks(contracts), mart_checks(marts)],
        jobs=JOBS,
        schedules=[nightly_schedule],
        sensors=[landing_sensor(registry)],
        resources={"registry": registry_resource(registry)},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Return the code location of the home that the environment names."""
    return build_definitions(Registry(Settings()))


def run_nightly_in_dagster(settings: Settings, progress: Progress) -> None:
    """Run the nightly job in this process, recorded in the home's own Dagster instance."""
    registry = Registry(settings, progress)
    progress.step("Loading the SQL project and Dagster (half a minute when the project is new)")
    run_in_process(build_definitions(registry).resolve_job_def("nightly"), registry)
