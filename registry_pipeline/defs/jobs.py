"""What is run and when: the nightly job, ingest of chosen clinics, a rebuild from the lake."""

import dagster as dg

from registry_pipeline.defs.ingest import GROUP as INGEST
from registry_pipeline.defs.lake_checks import ON_TIME
from registry_pipeline.settings import NIGHTLY_HOUR

# A step process would cost seconds per step and gain nothing: one home has one writer.
EXECUTOR = dg.in_process_executor

# Selecting assets does not select checks of assets that no run of ours makes.
LANDING_CHECKS = dg.AssetSelection.checks(ON_TIME)

nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all() | LANDING_CHECKS,
    executor_def=EXECUTOR,
    description="Everything in one run: ingest what landed, and if anything changed build, gate and publish.",
)

ingest_clinic = dg.define_asset_job(
    "ingest_clinic",
    selection=dg.AssetSelection.groups(INGEST) | LANDING_CHECKS,
    executor_def=EXECUTOR,
    description="Ingest the files of chosen clinics. The next nightly run publishes them.",
)

rebuild = dg.define_asset_job(
    "rebuild",
    selection=dg.AssetSelection.all() - dg.AssetSelection.groups(INGEST),
    executor_def=EXECUTOR,
    config={"ops": {"build": {"config": {"is_forced": True}}}},
    description="Build, gate and publish from the lake as it is, whether or not anything changed.",
)

JOBS = [nightly, ingest_clinic, rebuild]

nightly_schedule = dg.ScheduleDefinition(
    name=f"nightly_at_{NIGHTLY_HOUR:02}_utc",
    job=nightly,
    cron_schedule=f"0 {NIGHTLY_HOUR} * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
