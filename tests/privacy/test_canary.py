"""Cell values stay in landing, lake, quarantine and restricted.duckdb, however a file goes wrong."""

import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from registry_pipeline.content import content_path
from registry_pipeline.settings import Settings
from registry_pipeline.simulate.run import simulate
from registry_pipeline.warehouse.duck import open_database

pytestmark = pytest.mark.slow

CANARY = "xq7canaryvalue"
WITHHELD_CANARY = "zq9withheldvalue"
"""Stands beside identifiers: it is kept nowhere but in landing."""
PROTECTED = {"landing", "lake", "quarantine"}


EMAIL = f"{WITHHELD_CANARY}@example.org"


def session_of(line: str, names: list[str]) -> str:
    """Return the session id of a line."""
    return line.split(",")[names.index("session_id")]


def spoil(home: Path) -> None:
    """Plant the canary wherever a value may be met: as a bad code, number or key, in damage, in place of a header."""
    clinic = home / "landing" / "C001"
    header, first, *rest = (clinic / "session_0001.csv").read_text().splitlines()
    cells, names = first.split(","), header.split(",")
    for column in ("route", "dose_mg", "session_no", "monitor_bp", "course_id", "session_id"):
        cells_with = list(cells)
        cells_with[names.index("session_id")] = f"s-{column}"
        cells_with[names.index(column)] = CANARY if column == "course_id" else f"{CANARY} {column}"
        rest.append(",".join(cells_with))
    rest += [f"{CANARY},short", f'{CANARY},"open', f"{CANARY}," + first + ",long"]
    (clinic / "session_0001.csv").write_text("\n".join([header, first, *rest]) + "\n")
    (clinic / "course_0002.csv").write_text(f"{CANARY},{CANARY}2\n1,2\n")
    (home / "landing" / "C004" / "course_0002.ndjson").write_text(f'{{"course_id": "{CANARY}"\n[{CANARY}]\n')
    (home / "landing" / "C005" / "course").mkdir(exist_ok=True)
    (home / "landing" / "C005" / "course" / "0002.parquet").write_text(CANARY)
    (home / "landing" / "C006" / "registry_0002.xlsx").write_text(CANARY)
    events = clinic / "adverse_event_0001.csv"
    lines = events.read_text().splitlines()
    verbatim = lines[0].split(",").index("verbatim")
    cells = lines[1].split(",")
    cells[0], cells[verbatim] = "ae-canary", CANARY
    lines.append(",".join(cells))
    for number, person in enumerate(("Karen Miller", "jane.doe@example.org", "2024-03-05", "312-555-0147")):
        cells[0], cells[verbatim] = f"ae-person-{number}", f"{person} {WITHHELD_CANARY}"
        lines.append(",".join(cells))
    lines.append(f"Karen Miller {WITHHELD_CANARY},too short")
    events.write_text("\n".join(lines) + "\n")
    (clinic / "consent_event_0009.csv").write_text(f"patient_id,first_name\np_1,{WITHHELD_CANARY}\n")
    (clinic / "session_0009.csv").write_text(f"{header}\n{first.replace(session_of(first, names), EMAIL, 1)}\n")


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, str]:
    """Return a spoilt home after a night by the command line, and everything the command said."""
    settings = Settings(home=tmp_path_factory.mktemp("canary") / "home", settle_seconds=0)
    simulate(settings, n_clinics=8, n_patients=120, seed=5, with_defects=False)
    shutil.copytree(content_path("data_contracts/feeds"), settings.layout.root / "feeds", dirs_exist_ok=True)
    spoil(settings.layout.root)
    said = ""
    for command in ("run", "status", "quarantine"):
        done = subprocess.run(
            [sys.executable, "-m", "registry_pipeline", command, "--home", str(settings.home)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said += done.stdout + done.stderr
    return settings, said


def test_the_canary_was_met_and_kept_where_it_may_be(spoilt: tuple[Settings, str]) -> None:
    settings, _ = spoilt
    with open_database(settings.layout.current / "restricted.duckdb", read_only=True, settings=settings) as database:
        rules = {rule for (rule,) in database.execute("select distinct rule_id from quarantine.records").fetchall()}
        ((n_kept,),) = database.execute(
            f"select count(*) from staging.stg_adverse_event where verbatim = '{CANARY}'"
        ).fetchall()
    assert n_kept == 1
    assert rules >= {
        "session.route_allowed",
        "session.dose_mg_type",
        "session.session_no_type",
        "session.monitor_bp_type",
        "session.course_id_orphan",
        "session.session_id_pattern",
        "record.ragged",
        "record.quote",
    }


def test_no_command_says_a_value(spoilt: tuple[Settings, str]) -> None:
    assert CANARY not in spoilt[1]


def test_no_other_file_of_the_home_holds_a_value(spoilt: tuple[Settings, str]) -> None:
    root = spoilt[0].layout.root
    searched = [
        path
        for path in root.rglob("*")
        if path.is_file() and path.relative_to(root).parts[0] not in PROTECTED and path.name != "restricted.duckdb"
    ]
    assert len(searched) > 20
    assert [path for path in searched if CANARY.encode() in path.read_bytes()] == []


def test_no_text_of_the_public_release_holds_a_value(spoilt: tuple[Settings, str]) -> None:
    # DuckDB compresses text, so the bytes alone would prove nothing.
    settings, _ = spoilt
    with open_database(settings.layout.current / "registry.duckdb", read_only=True, settings=settings) as database:
        tables = database.execute("select table_schema, table_name from information_schema.tables").fetchall()
        for schema, name in tables:
            rows = database.execute(f'select * from {schema}."{name}"').fetchall()
            assert CANARY not in repr(rows)


def test_what_stands_beside_an_identifier_is_kept_nowhere(spoilt: tuple[Settings, str]) -> None:
    settings, said = spoilt
    root = settings.layout.root
    kept = [path for path in root.rglob("*") if path.is_file() and path.relative_to(root).parts[0] != "landing"]
    assert WITHHELD_CANARY not in said
    assert [path for path in kept if WITHHELD_CANARY.encode() in path.read_bytes()] == []
    tables = [path for path in kept if path.suffix == ".parquet"]
    assert len(tables) > 20
    assert [path for path in tables if WITHHELD_CANARY in pl.read_parquet(path).write_csv()] == []
    with open_database(settings.layout.current / "restricted.duckdb", read_only=True, settings=settings) as database:
        findings = database.execute("select rule_id, * from quarantine.records").fetchall()
    assert {row[0] for row in findings} >= {"deid.person_name", "deid.email", "deid.date_iso", "deid.phone_fax"}
    assert WITHHELD_CANARY not in repr(findings)
