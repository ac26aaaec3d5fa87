"""What a feed converts, and what it cannot convert, on the way through ingest."""

import json

from registry_pipeline.lake.receipts import read_receipts
from tests.pipeline.conftest import FEED, Workbench, patient_id

CONTACTS = """
  - pattern: "contacts*.csv"
    format: csv
    mode: snapshot
    tables:
      - table: followup_contact
        columns:
          followup_id: id
          patient_id: pid
          study_day: {from: seen_on, minus: began_on, dates: "%Y-%m-%d"}
          type: {constant: visit}
          ae_form_status: {constant: complete}
          vital_status: {constant: alive}
          misuse_screen: {constant: negative}
          luts_status: {constant: none}
"""
PATIENTS = """
  - pattern: "patients*.csv"
    format: csv
    mode: snapshot
    tables:
      - table: patient
        columns:
          patient_id: pid
          age_band: {constant: 25-34}
          sex: {constant: unknown}
          region: {constant: unknown}
          weight_kg: {from: pounds, unit: lb}
          data_cut_day: {from: weeks, unit: weeks}
"""


def test_dates_are_counted_and_no_date_is_kept_anywhere(bench: Workbench) -> None:
    file = bench.home / "feeds" / "C001.yaml"
    file.write_text(FEED.replace("safe_harbor", "expert_determination") + CONTACTS)
    rows = [
        f"F1,{patient_id(1)},2024-03-29,2024-03-01",
        f"F2,{patient_id(1)},2024-02-31,2024-03-01",
        f"F3,{patient_id(1)},2024-02-01,2024-03-01",
        f"F4,{patient_id(1)},,2024-03-01",
    ]
    bench.drop("contacts_1.csv", "id,pid,seen_on,began_on\n" + "\n".join(rows) + "\n")
    assert bench.ingest().problems == []
    assert bench.lake("followup_contact")["study_day"].to_list() == [28]
    assert bench.findings() == [
        (3, "followup_contact.study_day_type"),
        (4, "followup_contact.study_day_range"),
        (5, "followup_contact.study_day_required"),
    ]
    records = [json.loads(record) for record in bench.quarantine()["record"]]
    assert all("2024" not in str(record) for record in records)
    assert {record["began_on"] for record in records} == {"[date withheld]"}
    kept = b"".join(
        path.read_bytes() for path in bench.home.rglob("*") if path.is_file() and "landing" not in path.parts
    )
    assert b"2024-0" not in kept


def test_what_cannot_be_converted_is_a_finding_with_what_was_sent(bench: Workbench) -> None:
    bench.feed(PATIENTS)
    rows = [
        f"{patient_id(1)},154.5,26",
        f"{patient_id(2)},heavy,26",
        f"{patient_id(3)},,26",
        f"{patient_id(4)},150,long",
    ]
    bench.drop("patients_1.csv", "pid,pounds,weeks\n" + "\n".join(rows) + "\n")
    bench.ingest()
    accepted = bench.lake("patient").select("weight_kg", "data_cut_day").rows()
    assert [(str(weight) if weight else None, day) for weight, day in accepted] == [("70.1", 182), (None, 182)]
    assert bench.findings() == [(3, "patient.weight_kg_type"), (5, "patient.data_cut_day_type")]
    records = [json.loads(record) for record in bench.quarantine()["record"]]
    assert {record["pounds"] for record in records} == {"heavy", "150"}
    (receipt,) = read_receipts(bench.settings.layout)
    assert receipt.counts.is_balanced
