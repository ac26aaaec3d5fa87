"""A small mart with its contract, and a small build, for the tests of release and disclosure.

What does not belong here: tests, and anything that needs SQLMesh or clinic files.
"""

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent

import duckdb
import polars as pl
import pytest

from registry_pipeline.lake.receipts import Counts, Receipt, write_receipt
from registry_pipeline.release.gate import GateFinding, check_marts
from registry_pipeline.release.mart_contracts import MartContract, load_mart_contract
from registry_pipeline.settings import Settings

COLUMNS = """
- {name: instrument, physicalType: VARCHAR, required: true, description: The instrument., role: key}
- {name: level, physicalType: VARCHAR, required: true, description: The level., role: key}
- {name: numerator, physicalType: BIGINT, required: true, description: Patients who respond., role: count}
- {name: denominator, physicalType: BIGINT, required: true, description: Patients at risk., role: count}
- {name: rate, physicalType: DOUBLE, description: Share of responders., role: measure}
- {name: ci_low, physicalType: DOUBLE, description: Lower bound., role: measure}
- {name: ci_high, physicalType: DOUBLE, description: Upper bound., role: measure}
- {name: ci_method, physicalType: VARCHAR, description: The clinic's "own" method., role: flag}
- {name: is_suppressed, physicalType: BOOLEAN, required: true, description: Whether hidden., role: flag}
- {name: suppression_reason, physicalType: VARCHAR, description: Why hidden., role: flag}
"""

RULES = """
- {id: rate_range, column: rate, severity: reject, check: {check: range, min: 0, max: 1}}
- {id: ci_method_allowed, column: ci_method, severity: reject, check: {check: one_of, values: [wilson, exact]}}
- {id: part_of_whole, severity: reject, check: {check: compare, left: numerator, op: "<=", right: denominator}}
- {id: ci_low_below_rate, severity: reject, check: {check: compare, left: ci_low, op: "<=", right: rate}}
- {id: ci_high_above_rate, severity: reject, check: {check: compare, left: ci_high, op: ">=", right: rate}}
- {id: rate_is_share, severity: reject, check: {check: expression, sql: "denominator > 0 or rate is null"}}
- {id: enough_patients, column: denominator, severity: warn, check: {check: range, min: 1}}
"""

DELIVERY = "d" * 64
REFUSED_DELIVERY = "e" * 64


def contract_text(
    *,
    columns: str = COLUMNS,
    rules: str = RULES,
    grain: str = "[instrument, level]",
    complements: str | None = None,
    nested: str = "[]",
    drawn_from: str = "null",
) -> str:
    """Return the YAML of a mart contract; columns and rules come in a short form that this spells out."""
    import yaml

    properties = yaml.safe_load(columns)
    for column in properties:
        role = column.pop("role", None)
        if role:
            column["customProperties"] = [{"property": "disclosure", "value": role}]
        if "rounding" in column:
            column["customProperties"].append({"property": "rounding", "value": column.pop("rounding")})
    by_name = {column["name"]: column for column in properties}
    table_rules = []
    for rule in yaml.safe_load(rules) or []:
        home = rule.pop("column", None)
        spelled = {"type": "custom", "engine": "registry", "dimension": "accuracy", "description": "A rule."}
        spelled |= {"implementation": rule.pop("check")} | rule
        (by_name[home].setdefault("quality", []) if home else table_rules).append(spelled)
    head = dedent(
        f"""\
        apiVersion: v3.1.0
        kind: DataContract
        id: response_rates
        name: Response rates
        version: 1.0.0
        status: active
        schema:
          - name: response_rates
            logicalType: object
            physicalType: table
            description: Who responds.
            customProperties:
              - {{property: grain, value: {grain}}}
              - {{property: complements, value: {complements or "[[denominator, numerator]]"}}}
              - {{property: nested, value: {nested}}}
              - {{property: drawn_from, value: {drawn_from}}}
        """
    )
    body = yaml.safe_dump({"properties": properties, "quality": table_rules}, sort_keys=False)
    return head + indent(body, "    ")


def mart_contract(folder: Path, **parts: str) -> MartContract:
    """Write a mart contract and read it back."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "response_rates.odcs.yaml"
    file.write_text(contract_text(**parts), encoding="utf-8")
    return load_mart_contract(file, Settings().vocabulary_path)


def mart_frame(*cells: tuple[str, int | None, int | None]) -> pl.DataFrame:
    """Return a mart of (level, numerator, denominator), with rates and intervals that fit."""
    rows = [
        {
            "instrument": "phq9",
            "level": level,
            "numerator": numerator,
            "denominator": denominator,
            "rate": numerator / denominator if denominator and numerator is not None else None,
            "ci_low": 0.0 if denominator else None,
            "ci_high": 1.0 if denominator else None,
            "ci_method": "wilson",
        }
        for level, numerator, denominator in cells
    ]
    text, count, number = pl.String, pl.Int64, pl.Float64
    types = [text, text, count, count, number, number, number, text]
    return pl.DataFrame(rows, schema=dict(zip(rows[0], types, strict=True)))


def check_mart(frame: pl.DataFrame, contract: MartContract) -> list[GateFinding]:
    """Return every check of the contract that the frame fails, in the order of the contract."""
    return check_marts({contract.name: contract}, {contract.name: frame})[contract.name]


GOOD = mart_frame(("all", 120, 214), ("C001", 110, 150), ("C002", 10, 64), ("C003", 0, 40), ("C004", 0, 0))


@dataclass(frozen=True)
class FakeBuild:
    """What publishing needs to know of a build."""

    path: Path
    fingerprint: str


def write_build(path: Path, mart: pl.DataFrame = GOOD, fingerprint: str = "a" * 64, n_patients: int = 214) -> FakeBuild:
    """Write a build of one clinic, one table, one mart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.register("mart", mart.to_arrow())
        connection.execute(
            f"""
            create schema lake; create schema staging; create schema intermediate; create schema quality;
            create schema marts;
            create table lake.delivery as
              select '{DELIVERY}' as delivery_id, 'C001' as clinic_id, 'a/patients.csv' as file_name,
                'patients*.csv' as source, 'snapshot' as mode, '2026-01-05T23:00:00+00:00' as received_at,
                '1.0.0' as feed_version, '1.0.0' as contract_version, 1::bigint as delivery_order, true as is_live,
                'accepted' as status, {n_patients + 1}::bigint as n_records, {n_patients}::bigint as n_accepted,
                0::bigint as n_quarantined, 1::bigint as n_duplicate, 0::bigint as n_erased
              union all
              select '{REFUSED_DELIVERY}', 'C001', 'a/other.csv', 'other*.csv', 'snapshot',
                '2026-01-05T23:00:01+00:00', '1.0.0', '1.0.0', 2, false, 'refused', 0, 0, 0, 0, 0;
            create table staging.cur_patient as
              select 'C001' as clinic_id, 'P' || n as patient_id, 'f' as sex, null::varchar as refused_by
              from range({n_patients}) as t(n);
            create view staging.stg_patient as
              select clinic_id, patient_id, sex from staging.cur_patient where refused_by is null;
            create table intermediate.int_consented_patient as select clinic_id, patient_id from staging.stg_patient;
            create table intermediate.int_stratum_clinics as
              select 'all' as indication, 'overall' as dimension, 'all' as level, 'all' as instrument,
                3::bigint as n_clinics, 0.4::double as largest_share;
            comment on table intermediate.int_consented_patient is 'Patients who may be counted.';
            comment on table intermediate.int_stratum_clinics is 'How many clinics a stratum rests on.';
            comment on column intermediate.int_stratum_clinics.indication is 'As in the model.';
            comment on column intermediate.int_stratum_clinics.dimension is 'As in the model.';
            comment on column intermediate.int_stratum_clinics.level is 'As in the model.';
            comment on column intermediate.int_stratum_clinics.instrument is 'As in the model.';
            comment on column intermediate.int_stratum_clinics.n_clinics is 'As in the model.';
            comment on column intermediate.int_stratum_clinics.largest_share is 'As in the model.';
            create table quality.cross_table_findings as
              select 'C001' as clinic_id, '{DELIVERY}' as delivery_id, 'session' as table_name, 7::bigint as line,
                'course_id' as column_name, 'session.course_id_orphan' as rule_id,
                'reject' as severity;
            create table quality.delivery_adjustments as
              select 'C001' as clinic_id, '{DELIVERY}' as delivery_id, 1::bigint as n_cross_table_refused, {n_patients - 2}::bigint as n_current;
            create table marts.response_rates as select * from mart;
            """
        )
    return FakeBuild(path, fingerprint)


def small_home(folder: Path, monkeypatch: pytest.MonkeyPatch, keep_releases: int) -> Settings:
    """Return the settings of a home with one delivery, whose only mart the small contract describes.

    Great Expectations stands aside: it costs seconds per release.
    """
    from registry_pipeline.release import write

    contract = mart_contract(folder / "marts")
    monkeypatch.setattr(write, "load_mart_contracts", lambda _settings: {contract.name: contract})
    monkeypatch.setattr(write, "gate_marts", lambda *_: [])
    settings = Settings(home=folder / "home", keep_releases=keep_releases)
    write_delivery(settings)
    return settings


def write_delivery(settings: Settings) -> None:
    """Write the receipt and quarantine file of the build's delivery."""
    home = settings.layout
    counts = Counts(215, 214, 0, 1)
    write_receipt(
        home,
        Receipt(
            delivery_id=DELIVERY,
            clinic_id="C001",
            file_name="a/patients.csv",
            source="patients*.csv",
            mode="snapshot",
            sequence=None,
            arrival_no=1,
            received_at="2026-01-05T23:00:00+00:00",
            n_bytes=1,
            feed_version="1.0.0",
            contract_version="1.0.0",
            rules_fingerprint="x",
            status="partial",
            counts=counts,
            tables={"patient": counts},
        ),
    )
    file = home.quarantine_file("C001", DELIVERY)
    file.parent.mkdir(parents=True)
    pl.DataFrame(
        {
            "clinic_id": ["C001"],
            "delivery_id": [DELIVERY],
            "file_name": ["a/patients.csv"],
            "table_name": ["patient"],
            "line": [3],
            "column_name": [None],
            "rule_id": ["patient.key_duplicate"],
            "severity": ["duplicate"],
            "dimension": ["plausibility"],
            "reason": ["The record repeats an earlier one."],
            "record": ["CANARY-7f3a"],
        },
        schema_overrides={"column_name": pl.String},
    ).write_parquet(file)
