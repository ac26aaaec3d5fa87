"""A night in a tiny home, run in a process of its own that can be told to die on the way.

What does not belong here: tests. Ingest, the lake, publishing and pruning are the real ones; the SQL project and Great
Expectations take many seconds and stand aside: three statements make what a release is written from.
"""

import os
import signal
import sys
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb

from registry_pipeline.nightly import run_nightly
from registry_pipeline.progress import Progress, Silent
from registry_pipeline.release import write
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse import build, inputs
from tests.pipeline.conftest import COURSE_HEADER, COURSES, FEED, course_line
from tests.release_support import mart_contract

KEPT = 2

_FORKING = get_context("forkserver")
_FORKING.set_forkserver_preload(
    [
        "__main__",
        "pandera.polars",
        "registry_pipeline.ingest.delivery",
        "registry_pipeline.withdrawal.withdraw",
        __name__,
    ]
)
_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.symlink"}
_WRITES = os.O_WRONLY | os.O_RDWR

_MODELS = """
create schema staging; create schema intermediate; create schema quality; create schema marts;
create table staging.stg_course as select 'C001' as clinic_id, patient_id, course_id from lake.course;
create table intermediate.int_consented_patient as select clinic_id, patient_id from staging.stg_course;
create table intermediate.int_stratum_clinics as select 'all' as indication, 'overall' as dimension, 'all' as level,
  'all' as instrument, 3::bigint as n_clinics, 0.4::double as largest_share;
create table quality.cross_table_findings as
  select delivery_id, clinic_id, '' as table_name, 1::bigint as line, '' as column_name, '' as rule_id, '' as severity
  from lake.delivery where false;
create table quality.delivery_adjustments as
  select delivery_id, clinic_id, 0::bigint as n_cross_table_refused, n_accepted as n_current from lake.delivery
  where is_live;
create table marts.response_rates as
  select 'phq9' as instrument, 'all' as level, count(*) as numerator, count(*) * 2 as denominator, 0.5::double as rate,
    0::double as ci_low, 1::double as ci_high, 'wilson' as ci_method
  from staging.stg_course;
"""


def prepare(home: Path) -> None:
    """Make a home of one clinic that has sent nothing yet."""
    (home / "landing" / "C001").mkdir(parents=True)
    (home / "feeds").mkdir()
    (home / "feeds" / "C001.yaml").write_text(FEED + COURSES)
    mart_contract(home / "contracts")


def drop(home: Path, name: str, n_courses: int) -> None:
    """Let the clinic send all its courses, so many by now."""
    lines = "".join(f"{course_line(number)}\n" for number in range(1, n_courses + 1))
    (home / "landing" / "C001" / name).write_text(f"{COURSE_HEADER}\n{lines}")


def settings_of(home: Path) -> Settings:
    """Return the settings of such a home."""
    return Settings(home=home, settle_seconds=0, keep_releases=KEPT)


def run_night(home: Path, *, log: Path | None = None, at_step: int = 0, at_change: int = 0) -> int | None:
    """Run a night in another process and return its exit code.

    Args:
        home: Made by `prepare`.
        log: Where to write each step and each change to the file system, one per line.
        at_step: Be killed when this step begins, counted from 1.
        at_change: Be killed just before this change, counted from 1.
    """
    process = _FORKING.Process(target=_night, args=(home, log, at_step, at_change))
    process.start()
    process.join()
    return process.exitcode


def _night(home: Path, log: Path | None, at_step: int, at_change: int) -> None:
    contract = mart_contract(home / "contracts")
    write.load_mart_contracts = lambda _settings: {contract.name: contract}
    write.gate_marts = lambda *_: []
    build.read_plan = lambda _settings: []
    build.build_models = _build_models
    # Code may change while a person works; the nights of a test are to be alike.
    inputs._content = lambda _settings: iter(())
    # No buffer: what was written before the end is there.
    handle = None if log is None else os.open(log, os.O_CREAT | os.O_WRONLY)
    watch = _Watch(handle, at_step, at_change)
    sys.addaudithook(watch.hook)
    run_nightly(settings_of(home), progress=watch)


def _build_models(connection: duckdb.DuckDBPyConnection, _models: object, progress: Progress, _n_at_once: int) -> None:
    progress.step("Building models")
    connection.execute(_MODELS)


class _Watch(Silent):
    """Counts steps and changes to the file system, and ends the process at one of them."""

    def __init__(self, log: int | None, at_step: int, at_change: int) -> None:
        self.log = log
        self.to_go = {"step": at_step, "change": at_change}

    def step(self, name: str, total: int | None = None) -> None:  # noqa: ARG002 - as `Progress` has it
        self.pass_by("step", name)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            is_change = bool(flags & _WRITES)
        else:
            path, is_change = (arguments or ("",))[0], event in _CHANGES
        # A temporary file is removed after it was renamed too, when there is nothing to remove.
        is_nothing = event == "os.remove" and str(path).endswith(".tmp")
        if is_change and not is_nothing and "__pycache__" not in str(path):
            self.pass_by("change", f"{event} {path}")

    def pass_by(self, kind: str, what: str) -> None:
        self.to_go[kind] -= 1
        if self.to_go[kind] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.log is not None:
            os.write(self.log, f"{kind} {what}\n".encode())
