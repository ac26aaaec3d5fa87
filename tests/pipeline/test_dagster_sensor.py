"""The landing sensor asks for each new content once, and never loses one."""

import os
from collections.abc import Iterator

import dagster as dg
import pytest

from registry_pipeline.defs.jobs import ingest_clinic
from registry_pipeline.defs.resources import Registry
from registry_pipeline.defs.sensors import landing_sensor
from tests.pipeline.conftest import COURSE_HEADER, Workbench, course_line

pytestmark = pytest.mark.slow

COURSES = f"{COURSE_HEADER}\n{course_line(1)}\n"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def tick(bench: Workbench, instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    result = landing_sensor(Registry(bench.settings))(context)
    assert isinstance(result, dg.SensorResult)
    return result


def keys(result: dg.SensorResult) -> list[str | None]:
    return [request.run_key for request in result.run_requests or []]


def record_run(instance: dg.DagsterInstance, result: dg.SensorResult, status: dg.DagsterRunStatus) -> None:
    """Do what the daemon does with a request: make a run that carries its tags."""
    for request in result.run_requests or []:
        dg_run = dg.DagsterRun(job_name=ingest_clinic.name, tags=dict(request.tags), status=status)
        instance.add_run(dg_run)


def test_new_content_starts_an_ingest_of_its_clinic(bench: Workbench, instance: dg.DagsterInstance) -> None:
    bench.drop("course_1.csv", COURSES)
    result = tick(bench, instance)
    assert [request.run_config for request in result.run_requests or []] == [
        {"ops": {"ingest": {"config": {"clinics": ["C001"]}}}}
    ]


def test_the_same_content_keeps_its_run_key_until_it_is_taken(bench: Workbench, instance: dg.DagsterInstance) -> None:
    bench.drop("course_1.csv", COURSES)
    first = tick(bench, instance)
    assert keys(tick(bench, instance, first.cursor)) == keys(first)
    assert keys(tick(bench, instance, cursor=None)) == keys(first), "a lost cursor changes nothing"
    bench.ingest()
    assert keys(tick(bench, instance, first.cursor)) == []


def test_the_same_bytes_under_another_name_are_not_new(bench: Workbench, instance: dg.DagsterInstance) -> None:
    bench.drop("course_1.csv", COURSES)
    bench.ingest()
    bench.drop("course_again.csv", COURSES)
    assert keys(tick(bench, instance)) == []


def test_a_file_with_an_old_time_is_seen(bench: Workbench, instance: dg.DagsterInstance) -> None:
    cursor = tick(bench, instance).cursor
    os.utime(bench.drop("course_1.csv", COURSES), (0, 0))
    assert len(keys(tick(bench, instance, cursor))) == 1


def test_a_corrected_file_of_the_same_name_is_new(bench: Workbench, instance: dg.DagsterInstance) -> None:
    bench.drop("course_1.csv", COURSES)
    bench.ingest()
    cursor = tick(bench, instance).cursor
    bench.drop("course_1.csv", COURSES.replace("completed", "ongoing"))
    assert len(keys(tick(bench, instance, cursor))) == 1


def test_content_being_ingested_is_not_asked_for_again(bench: Workbench, instance: dg.DagsterInstance) -> None:
    bench.drop("course_1.csv", COURSES)
    record_run(instance, tick(bench, instance), dg.DagsterRunStatus.STARTED)
    assert keys(tick(bench, instance)) == []


def test_failed_content_is_tried_again_under_a_new_key_but_not_forever(
    bench: Workbench, instance: dg.DagsterInstance
) -> None:
    bench.drop("course_1.csv", COURSES)
    attempts = []
    for _ in range(5):
        result = tick(bench, instance)
        attempts += [str(key).rsplit(":", 1)[1] for key in keys(result)]
        record_run(instance, result, dg.DagsterRunStatus.FAILURE)
    assert attempts == ["1", "2", "3"]


def test_a_file_still_being_written_waits(bench: Workbench, instance: dg.DagsterInstance) -> None:
    bench.drop("course_1.csv", COURSES)
    waiting = Workbench(type(bench.settings)(home=bench.home, settle_seconds=3600))
    assert keys(tick(waiting, instance)) == []


def test_files_that_land_together_are_one_run(bench: Workbench, instance: dg.DagsterInstance) -> None:
    bench.drop("course_1.csv", COURSES)
    bench.drop("course_2.csv", COURSES.replace("c1", "c2"))
    assert len(keys(tick(bench, instance))) == 1
