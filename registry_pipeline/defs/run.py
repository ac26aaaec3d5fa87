"""Running a job in this process, for callers that want its typed error rather than a Dagster event."""

import dagster as dg

from registry_pipeline.dagster_home import open_instance
from registry_pipeline.defs.resources import Registry
from registry_pipeline.errors import RegistryError

# The console shows progress of its own; Dagster's log is in its instance.
_SILENT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_in_process(job: dg.JobDefinition, registry: Registry) -> None:
    """Run `job`, recorded in the home's own Dagster instance.

    Raises:
        RegistryError: What stopped the run, such as a refused gate or a lock held by another run.
    """
    with open_instance(registry.settings) as instance:
        result = job.execute_in_process(run_config=_SILENT, instance=instance, raise_on_error=False)
    if not result.success:
        raise registry.failure or RegistryError(
            "The run failed in Dagster.", remedy=f"Look at run {result.run_id} in the UI (`make dev`)."
        )
