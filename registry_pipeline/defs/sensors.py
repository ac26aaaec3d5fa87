"""The landing sensor: new content in landing/ starts an ingest of its clinic.

Whether content is new is decided by receipts. The cursor only spares hashing the same file at every tick: losing it
costs time, never a delivery. File times decide nothing but whether a file may still be being written.
"""

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from registry_pipeline.defs.jobs import ingest_clinic
from registry_pipeline.defs.resources import Registry
from registry_pipeline.lake.receipts import read_receipts

_CONTENT_TAG = "registry/content"
_MAX_ATTEMPTS = 3
"""Content that fails as often as this waits for the nightly run, where a person sees it."""

Cursor = dict[str, tuple[int, int, str]]
"""Path → size, modification time and SHA-256 when it was last hashed."""


def landing_sensor(registry: Registry) -> dg.SensorDefinition:
    """Return the sensor of a home."""

    @dg.sensor(
        name="landing_sensor",
        job=ingest_clinic,
        minimum_interval_seconds=60,
        description="Ingests a clinic's files soon after they land; the nightly run publishes them.",
    )
    def sense(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        known: Cursor = json.loads(context.cursor) if context.cursor else {}
        cursor = dict(_scan(registry, known))
        requests = [
            request
            for clinic_id, digests in sorted(_new_content(registry, cursor).items())
            if (request := _request(context.instance, clinic_id, digests)) is not None
        ]
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(cursor))

    return sense


def _scan(registry: Registry, known: Cursor) -> Iterator[tuple[str, tuple[int, int, str]]]:
    """Yield every settled file of the landing with its hash, hashing only what looks changed."""
    landing = registry.settings.layout.landing
    youngest = time.time() - registry.settings.settle_seconds
    for file in sorted(landing.glob("*/**/*")):
        hidden = any(part.startswith(".") for part in file.relative_to(landing).parts)
        if hidden or not file.is_file() or (stat := file.stat()).st_mtime > youngest:
            continue
        name = file.relative_to(landing).as_posix()
        size, modified, digest = known.get(name, (-1, -1, ""))
        if (size, modified) != (stat.st_size, stat.st_mtime_ns):
            digest = _sha256(file)
        yield name, (stat.st_size, stat.st_mtime_ns, digest)


def _new_content(registry: Registry, cursor: Cursor) -> dict[str, list[str]]:
    """Return the hashes that have no receipt yet, by clinic."""
    received = {(receipt.clinic_id, receipt.delivery_id) for receipt in read_receipts(registry.settings.layout)}
    new: defaultdict[str, set[str]] = defaultdict(set)
    for name, (_, _, digest) in cursor.items():
        clinic_id = name.split("/", 1)[0]
        if (clinic_id, digest) not in received:
            new[clinic_id].add(digest)
    return {clinic_id: sorted(digests) for clinic_id, digests in new.items()}


def _request(instance: dg.DagsterInstance, clinic_id: str, digests: list[str]) -> dg.RunRequest | None:
    """Return a run for a clinic's new content unless one is going or it has failed too often.

    The attempt is part of the run key, because Dagster never starts the same run key twice: without it, content whose
    run was cancelled would never be taken.
    """
    content = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    runs = instance.get_runs(dg.RunsFilter(tags={_CONTENT_TAG: content}))
    if len(runs) >= _MAX_ATTEMPTS or any(not run.is_finished for run in runs):
        return None
    return dg.RunRequest(
        run_key=f"{clinic_id}:{content}:{len(runs) + 1}",
        run_config={"ops": {"ingest": {"config": {"clinics": [clinic_id]}}}},
        tags={_CONTENT_TAG: content, "registry/clinic": clinic_id},
    )


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
