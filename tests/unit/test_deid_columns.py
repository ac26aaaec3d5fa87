"""Column names: identifiers announce themselves, and what the registry asks for does not."""

import pytest
import yaml

from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.contracts.vocabulary import read_vocabulary
from registry_pipeline.deid.columns import identifier_column, words_of
from registry_pipeline.settings import Settings

SETTINGS = Settings()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("first_name", "name"), ("firstName", "name"), ("Patient Name", "name"), ("PatName", "name"),
        ("patientfirstname", "name"), ("name", "name"), ("NAME", "name"), ("name.0.family", "name"),
        ("Vorname", "name"), ("prénom", "name"), ("Nom", "name"), ("apellidos", "name"), ("initials", "name"),
        ("dob", "date_of_birth"), ("PatientDOB", "date_of_birth"), ("Geb.-Datum", "date_of_birth"),
        ("Geburtsdatum", "date_of_birth"), ("birthDate", "date_of_birth"), ("fecha_nacimiento", "date_of_birth"),
        ("date de naissance", "date_of_birth"), ("mrn", "mrn"), ("Medical Record Number", "mrn"), ("SSN", "ssn"),
        ("AHV-Nr", "ssn"), ("e-mail", "email"), ("eMail", "email"), ("contact_email", "email"), ("phone", "phone"),
        ("home_phone_2", "phone"), ("telecom.0.value", "phone"), ("teléfono", "phone"), ("zip", "zip"),
        ("address.0.postalCode", "zip"), ("PLZ", "zip"), ("street", "street_address"), ("Straße", "street_address"),
        ("address.0.line.0", "street_address"), ("Wohnort", "place"), ("ip_address", "ip"), ("IPAddress", "ip"),
        ("photo", "photo"), ("Serial No.", "device_serial"), ("visit_date", "date"), ("Aufnahmedatum", "date"),
        ("effectiveDateTime", "date"), ("iban", "account"), ("NPI", "license"), ("health plan ID", "plan_member"),
    ],
)  # fmt: skip
def test_a_name_that_announces_an_identifier_is_seen(name: str, kind: str) -> None:
    assert identifier_column(name) == kind


@pytest.mark.parametrize(
    "name",
    [
        "drug_name", "instrument_name", "form_name", "redcap_event_name", "site", "sex", "age_band", "region", "zip3",
        "address_form_status", "deviceModel", "PatNr", "record_id", "index_year", "year_of_birth", "data_cut_day",
        "candidate", "last_update_no", "mandate", "family_history", "mobile_app_used", "phone_contact", "mbi_total",
        "ip_dose", "street_drugs", "given_birth", "",
    ],
)  # fmt: skip
def test_a_name_that_announces_none_is_left_alone(name: str) -> None:
    assert identifier_column(name) is None


def test_no_column_of_the_contracts_is_taken_for_an_identifier() -> None:
    names = {column.name for table in load_contracts(SETTINGS).tables.values() for column in table.columns}
    assert {name: identifier_column(name) for name in names if identifier_column(name)} == {}


def test_no_source_column_of_the_shipped_feeds_is_taken_for_an_identifier() -> None:
    names: set[str] = set()
    for file in SETTINGS.feeds_dir.glob("*.yaml"):
        for entry in yaml.safe_load(file.read_text(encoding="utf-8"))["files"]:
            names |= set(entry.get("ignore", []))
            for table in entry["tables"]:
                names |= set(table.get("where", {})) | set(table.get("unpivot", {}).get("columns", {}))
                columns = [{"from": c} if isinstance(c, str) else c for c in table.get("columns", {}).values()]
                names |= {column["from"] for column in columns if "from" in column}
    assert len(names) > 100
    assert {name: identifier_column(name) for name in names if identifier_column(name)} == {}


def test_every_listed_word_is_found_as_its_own_kind() -> None:
    rows = read_vocabulary(SETTINGS.vocabulary_path("deid_columns.csv"))
    assert {row["scope"] for row in rows} == {"anywhere", "alone", "last", "ending", "person", "never"}
    for row in rows:
        assert bool(row["kind"]) == bool(row["safe_harbor_item"]) == (row["scope"] not in {"person", "never"})
        if row["scope"] in {"anywhere", "alone", "last"}:
            assert identifier_column(row["words"]) is not None, row["words"]


def test_words_are_parted_at_signs_capitals_and_digits() -> None:
    assert words_of("PatName.0") == ("pat", "name", "0")
    assert words_of("IPAddress_2") == ("ip", "address", "2")
    assert words_of("Größe") == ("groesse",)
