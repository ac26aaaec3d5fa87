"""The clinic's page: figures as in the receipts, nothing that runs or loads, and no cell of any record."""

import csv
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from registry_pipeline.cli import app
from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.errors import ConfigurationError
from registry_pipeline.lake.receipts import read_receipts, write_receipt
from registry_pipeline.quarantine_page.figures import clinic_figures
from registry_pipeline.quarantine_page.render import render_csv, render_page, write_page
from registry_pipeline.quarantine_page.words import line_ranges, remedy, right_value, share
from registry_pipeline.settings import Settings
from tests.pipeline.conftest import COURSE_HEADER, Workbench, course_line, new_bench

CANARY = "zzcanary"
SCRIPT = "<script>alert(1)</script>"
VOID = {"meta", "line", "circle", "rect", "polyline"}


class Outline(HTMLParser):
    """Checks that tags nest, and keeps the text and what an accessible page needs."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f" {data}" if "style" not in self.open else ""


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    parser.text = " ".join(parser.text.split())
    return parser


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    return load_contracts(Settings())


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with one good and bad file and one that was refused whole."""
    bench = new_bench(tmp_path_factory.mktemp("ingested") / "home")
    lines = [
        course_line(1),
        course_line(2, intent=CANARY),
        course_line(3, intent=CANARY, course_no=CANARY),
        course_line(4, course_no=""),
        course_line(5),
        course_line(5),
        f"{CANARY},too,few",
    ]
    bench.drop("course_1.csv", "\n".join([COURSE_HEADER, *lines]) + "\n")
    bench.ingest()
    bench.drop("course_<b>&.csv", f"{COURSE_HEADER},surprise\n{course_line(1)},{CANARY}\n")
    bench.ingest()
    return bench.home


@pytest.fixture
def clinic(tmp_path: Path, ingested: Path) -> Workbench:
    """Return a copy of that home for one test."""
    return Workbench(Settings(home=shutil.copytree(ingested, tmp_path / "clinic"), settle_seconds=0))


def page_of(clinic: Workbench) -> str:
    return render_page(clinic_figures(clinic.settings, "C001"), "C001.csv")


def test_the_figures_add_up_and_are_those_of_the_receipts(clinic: Workbench) -> None:
    figures = clinic_figures(clinic.settings, "C001")
    receipt = next(read_receipts(clinic.settings.layout))
    assert figures.counts == receipt.counts
    assert (figures.counts.n_records, figures.counts.n_accepted, figures.counts.n_duplicate) == (7, 2, 1)
    assert figures.counts.is_balanced
    assert {rule.rule_id: rule.n_records for rule in figures.refused} == {
        rule_id: n for rule_id, n in receipt.rules.items() if not rule_id.endswith("duplicate")
    }
    assert [file.file_name for file in figures.refused_files] == ["course_<b>&.csv"]
    text = outline(page_of(clinic)).text
    assert "records read 7" in text
    assert "accepted 2" in text
    assert "refused 4" in text
    assert "1 file was refused whole" in text


def test_each_rule_says_what_is_right_what_to_do_and_where(clinic: Workbench, contracts: Contracts) -> None:
    text = outline(page_of(clinic)).text
    assert contracts.rules["course.intent_allowed"].sentence in text
    assert "induction maintenance" in text
    assert "course_1.csv , lines 3-4" in text
    assert "Use one of the codes" in text
    assert "The whole export. It replaces the one before" in text


def test_no_cell_reaches_the_page_or_the_csv(clinic: Workbench, tmp_path: Path) -> None:
    for file in write_page(clinic.settings, "C001", tmp_path / "C001.html"):
        assert CANARY not in file.read_text(encoding="utf-8")


def test_the_page_needs_nothing_else_and_runs_nothing(clinic: Workbench) -> None:
    receipt = next(read_receipts(clinic.settings.layout))
    write_receipt(clinic.settings.layout, replace(receipt, file_name=f"course {SCRIPT} \"onload='x'.csv"))
    page = page_of(clinic)
    parsed = outline(page)
    names = {tag for tag, _ in parsed.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    assert SCRIPT in parsed.text
    assert not re.search(r"https?:|url\(|@import|javascript:", page)
    for _, attributes in parsed.tags:
        assert not {"src", "srcset", "onload", "onclick"} & set(attributes)
        assert (attributes.get("href") or "#").startswith("#")


def test_the_page_can_be_read_by_everyone(clinic: Workbench) -> None:
    tags = outline(page_of(clinic)).tags
    assert ("html", {"lang": "en"}) in tags
    assert all("scope" in attributes for tag, attributes in tags if tag == "th")
    assert [tag for tag, _ in tags].count("h1") == 1
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    labels = {attributes.get("id") for _, attributes in tags}
    assert all(attributes["aria-labelledby"].split()[0] in labels for tag, attributes in tags if tag == "section")
    assert all(
        {"role", "width"} <= set(attributes) or "viewbox" in attributes for tag, attributes in tags if tag == "svg"
    )


def test_every_finding_is_in_the_csv(clinic: Workbench) -> None:
    figures = clinic_figures(clinic.settings, "C001")
    rows = list(csv.DictReader(render_csv(figures, clinic.settings).splitlines()))
    found = sorted((int(row["line"]), row["rule"]) for row in rows if row["severity"] in {"reject", "duplicate"})
    assert found == clinic.findings()
    assert [row["file"] for row in rows if row["severity"] == "refused"] == ["course_<b>&.csv"]
    assert all(row["what it means"] and row["what to do"] for row in rows)


def test_a_spreadsheet_does_not_run_a_file_name(clinic: Workbench) -> None:
    figures = clinic_figures(clinic.settings, "C001")
    figures = replace(figures, refused_files=(replace(figures.refused_files[0], file_name="=HYPERLINK(1).csv"),))
    rows = list(csv.DictReader(render_csv(figures, clinic.settings).splitlines()))
    assert rows[0]["file"] == "'=HYPERLINK(1).csv"


@pytest.mark.slow
def test_what_a_later_file_replaced_is_no_longer_to_be_fixed(clinic: Workbench) -> None:
    clinic.drop("course_2.csv", f"{COURSE_HEADER}\n{course_line(1)}\n{course_line(2)}\n")
    clinic.ingest()
    figures = clinic_figures(clinic.settings, "C001")
    assert (figures.counts.n_records, figures.refused, figures.refused_files) == (2, (), ())
    assert sum(month.n_records for month in figures.months) == 9
    assert "Nothing. Every record of the files that count now was taken." in outline(page_of(clinic)).text


@pytest.mark.slow
def test_a_hundred_thousand_findings_make_a_small_page(bench: Workbench) -> None:
    lines = [course_line(number, intent="holiday" if number % 2 else "induction") for number in range(1, 100_000)]
    bench.drop("course.csv", "\n".join([COURSE_HEADER, *lines]) + "\n")
    bench.ingest()
    page = page_of(bench)
    assert len(page) < 200_000
    assert "and 49,960 lines more in the CSV" in page


def test_a_clinic_without_files_is_named(bench: Workbench) -> None:
    with pytest.raises(ConfigurationError, match="No file of clinic C999"):
        clinic_figures(bench.settings, "C999")


@pytest.mark.slow
def test_the_command_writes_both_files_and_asks_for_a_clinic(clinic: Workbench, tmp_path: Path) -> None:
    home, page = str(clinic.home), str(tmp_path / "C001.html")
    done = CliRunner().invoke(app, ["quarantine", "--home", home, "--clinic", "C001", "--report", page])
    assert done.exit_code == 0
    assert CANARY not in done.output
    assert (tmp_path / "C001.html").exists()
    assert (tmp_path / "C001.csv").exists()
    assert CliRunner().invoke(app, ["quarantine", "--home", home, "--report", page]).exit_code == 2
    assert (
        CliRunner().invoke(app, ["quarantine", "--home", home, "--clinic", "C001", "--report", "x.txt"]).exit_code == 2
    )


def test_every_rule_of_the_contracts_has_a_remedy(contracts: Contracts) -> None:
    for rule_id in [*contracts.rules, *contracts.cross_table_sentences]:
        assert remedy(rule_id, contracts)
        right_value(rule_id, contracts)


def test_lines_are_shown_as_ranges_and_the_rest_is_counted() -> None:
    assert line_ranges([2, 3, 4, 7, 9, 10]) == ("2-4, 7, 9-10", 0)
    assert line_ranges([1, 3, 5, 6, 7], shown=2) == ("1, 3", 3)
    assert line_ranges([]) == ("", 0)


@pytest.mark.parametrize(
    ("numerator", "denominator", "shown"),
    [
        (0, 0, "none read"),
        (0, 5, "0 %"),
        (5, 5, "100 %"),
        (100, 1_000_000, "0.01 %"),
        (1, 1_000_000, "under 0.01 %"),
        (999_999, 1_000_000, "over 99.99 %"),
    ],
)
def test_a_share_never_hides_that_something_was_found(numerator: int, denominator: int, shown: str) -> None:
    assert share(numerator, denominator) == shown
