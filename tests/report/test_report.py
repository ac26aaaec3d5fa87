import itertools
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from registry_pipeline.errors import ConfigurationError
from registry_pipeline.report.write import write_report
from registry_pipeline.settings import Settings
from tests.report.html import ReadPage, read_html
from tests.report.public import HIDDEN, MAIN, OVERALL, RELEASE, hidden, rate, response, write_public

Report = Callable[..., ReadPage]

CLINICS = {
    "response_rates": [
        response(200, 480),
        response(90, 480, definition="deterioration"),
        response(200, 400, estimand="observed", n_eligible=480, n_observed=400),
        response(100, 200, dimension="clinic", level="C001"),
        response(60, 180, dimension="clinic", level="C002"),
        hidden(dimension="clinic", level="C003"),
    ],
    "clinic_variation": [
        MAIN
        | rate(
            200, 480, n_clinics=3, ci_method="reml_hksj", prediction_low=0.21, prediction_high=0.66, tau2=0.153, i2=0.4
        )
    ],
}


def curve(estimand: str, *steps: tuple[int, float, int]) -> list[dict[str, object]]:
    return [
        OVERALL
        | {
            "indication": "all",
            "instrument": "phq9",
            "estimand": estimand,
            "day": day,
            "survival": survival,
            "ci_low": max(survival - 0.1, 0.0) if survival < 1 else None,
            "ci_high": min(survival + 0.1, 1.0) if survival < 1 else None,
            "n_at_risk": at_risk,
            "numerator": 0,
            "denominator": 200,
            "is_suppressed": False,
        }
        for day, survival, at_risk in steps
    ]


def event(term: str, basis: str, numerator: int, denominator: int, **keys: object) -> dict[str, object]:
    found = OVERALL | rate(numerator, denominator, ae_term=term, basis=basis, ascertainment="complete")
    return found | {"ascertainment_rate": 0.75, "is_ascertainment_low": False} | keys


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Write a public database with the marts given, and return its report as read back; of the same marts once."""
    pages: dict[str, ReadPage] = {}

    def make(marts: dict[str, list[dict[str, object]]], **rest: object) -> ReadPage:
        given = repr((marts, rest))
        if given not in pages:
            folder = tmp_path_factory.mktemp("release")
            settings = Settings(home=folder / "home")
            write_public(folder, settings, marts, **rest)
            write_report(folder, settings)
            pages[given] = read_html((folder / "report.html").read_text(encoding="utf-8"))
        return pages[given]

    return make


def column(page: ReadPage, table: str, number: int) -> list[str]:
    return [row[number].text for row in page.tables[table][1:]]


def test_a_release_without_marts_says_what_is_missing_in_every_section(report: Report) -> None:
    page = report({}, releases=())
    missing = [attrs for tag, attrs in page.tags if tag == "p" and attrs.get("class") == "missing"]
    assert len(missing) == sum(level == 2 for level, _ in page.headings)
    assert not page.tables
    assert "Observed in registry, uncontrolled." in page.text


def test_empty_marts_say_what_is_missing(report: Report) -> None:
    page = report(
        {key: [] for key in [*CLINICS, "durability_curves", "adverse_event_frequencies", "follow_up_coverage"]}
    )
    assert set(page.tables) == {"hidden-table"}
    assert [row[1].value for row in page.tables["hidden-table"][1:]] == ["0"] * 5


@pytest.mark.slow
def test_one_mart_that_is_absent_leaves_the_others_standing(report: Report) -> None:
    page = report({"response_rates": CLINICS["response_rates"]})
    assert column(page, "clinics-table", 0) == ["C001", "C002", "C003"]
    assert "variation-table" not in page.tables
    assert "The release holds no curves" in page.text


def test_the_page_is_well_formed_with_unique_ids_and_headings_in_order(report: Report) -> None:
    page = report(CLINICS | {"durability_curves": curve("competing", (0, 1.0, 200), (7, 0.9, 180))})
    assert not page.faults
    assert not page.open_tags
    assert len(page.ids) == len(set(page.ids))
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_every_chart_has_a_name_a_description_and_a_table_behind_it(report: Report) -> None:
    page = report(CLINICS | {"durability_curves": curve("competing", (0, 1.0, 200), (7, 0.9, 180))})
    charts = [attrs for tag, attrs in page.tags if tag == "svg" and attrs.get("role") == "img"]
    assert len(charts) == 2 * 4
    for chart in charts:
        title, text = str(chart["aria-labelledby"]).split()
        assert {title, text} <= set(page.ids)
        assert f"{title.removesuffix('-wide-title').removesuffix('-narrow-title')}-table" in page.tables


def test_nothing_on_the_page_points_outside_of_it_or_runs(report: Report) -> None:
    page = report(CLINICS)
    links = [value for _, attrs in page.tags for name, value in attrs.items() if name in {"href", "src", "xlink:href"}]
    assert all(value == "data:," or str(value).startswith("#") for value in links)
    assert {str(value)[1:] for value in links if str(value).startswith("#")} <= set(page.ids)
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "img", "object", "embed"}


def test_a_hidden_clinic_is_listed_without_a_number(report: Report) -> None:
    page = report(CLINICS)
    name, *cells = page.tables["clinics-table"][3]
    assert name.text == "C003"
    assert {cell.text for cell in cells} == {"hidden (fewer than 11)"}
    assert {cell.value for cell in cells} == {None}


@pytest.mark.slow
def test_the_threshold_for_small_cells_is_the_one_in_force(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", small_cell=5)
    folder = write_public(tmp_path / "release", settings, CLINICS)
    write_report(folder, settings)
    page = read_html((folder / "report.html").read_text(encoding="utf-8"))
    assert page.tables["clinics-table"][3][1].text == "hidden (fewer than 6)"


def test_figures_in_tables_are_those_of_the_mart_to_the_last_digit(report: Report) -> None:
    page = report(CLINICS)
    assert [row[3].value for row in page.tables["clinics-table"][1:3]] == [repr(100 / 200), repr(60 / 180)]
    assert column(page, "clinics-table", 3)[:2] == ["50.0 %", "33.3 %"]


@pytest.mark.slow
def test_the_outcome_with_most_observed_patients_at_week_4_is_shown(report: Report) -> None:
    rows = [
        response(200, 480),
        response(300, 600, instrument="nrs_avg"),
        response(900, 990, instrument="gad7", time_window="wk8"),
    ]
    page = report({"response_rates": rows})
    assert "Pain, average (NRS), week 4: 300 of 600 patients responded" in page.text


@pytest.mark.slow
def test_another_window_is_taken_where_nothing_can_be_shown_at_week_4(report: Report) -> None:
    page = report({"response_rates": [hidden(), response(40, 80, time_window="wk8")]})
    assert "Depression (PHQ-9), week 8" in page.text


def test_deterioration_stands_beside_response(report: Report) -> None:
    page = report(CLINICS)
    assert [row[1].text for row in page.tables["outcomes-table"][1:]] == ["response", "deterioration"]
    assert "got worse" in page.text


def test_the_pooled_rate_and_where_a_further_clinic_may_lie_are_drawn_and_said(report: Report) -> None:
    page = report(CLINICS)
    styles = [attrs.get("class") for tag, attrs in page.tags if tag == "path"]
    assert styles.count("pooled") == 2
    assert "a further clinic may lie anywhere from 21.0 to 66.0 %" in page.text
    values = {row[0].text: row[1].value for row in page.tables["variation-table"][1:]}
    assert values["Variance between clinics, logit scale (τ²)"] == "0.153"


@pytest.mark.slow
def test_a_variation_that_is_hidden_draws_no_diamond(report: Report) -> None:
    page = report(CLINICS | {"clinic_variation": [MAIN | HIDDEN]})
    assert "pooled" not in [attrs.get("class") for tag, attrs in page.tags if tag == "path"]


@pytest.mark.slow
def test_a_curve_breaks_at_a_hidden_week(report: Report) -> None:
    rows = curve("competing", (0, 1.0, 200), (7, 0.9, 180), (21, 0.8, 150), (28, 0.7, 140))
    gap = OVERALL | HIDDEN | {"indication": "all", "instrument": "phq9", "estimand": "competing", "day": 14}
    page = report({"durability_curves": [*rows, gap]})
    steps = [attrs for tag, attrs in page.tags if tag == "path" and attrs.get("class") == "step s0"]
    assert len(steps) == 1 + 2 * 2, "the legend, and two stretches for screen and phone"
    assert page.tables["durability-table"][3][2].text == "hidden (fewer than 11)"


@pytest.mark.slow
def test_a_curve_that_nobody_has_left_has_a_band_without_height(report: Report) -> None:
    page = report({"durability_curves": curve("competing", (0, 1.0, 200), (7, 1.0, 190))})
    assert not page.faults
    assert "step s0" in [attrs.get("class") for tag, attrs in page.tags if tag == "path"]


@pytest.mark.slow
def test_adverse_events_are_ordered_by_how_many_patients_had_them(report: Report) -> None:
    rows = [
        event("nausea", "patient", 50, 200),
        event("any", "patient", 150, 200),
        event("dizziness", "patient", 90, 200),
        event("dizziness", "session", 200, 900),
        event("mania", "patient", 0, 200, zero_upper=0.0149),
        OVERALL | HIDDEN | {"ae_term": "fall", "basis": "patient", "ascertainment": "complete"},
    ]
    page = report({"adverse_event_frequencies": rows})
    assert column(page, "adverse-events-table", 0) == ["any event", "dizziness", "dizziness", "nausea", "fall", "mania"]
    assert "up to 1.5 % of patients possible" in page.text
    assert "Hidden by number of patients: fall." in page.text


@pytest.mark.slow
def test_low_ascertainment_is_a_banner_over_the_events(report: Report) -> None:
    rows = [event("any", "patient", 150, 200, is_ascertainment_low=True)]
    page = report({"adverse_event_frequencies": rows})
    assert "Fewer than 70 % of sessions have a complete adverse-event form" in page.text


def test_the_share_hidden_counts_rows_of_all_marts(report: Report) -> None:
    page = report(CLINICS)
    assert {row[0].text: row[2].value for row in page.tables["hidden-table"][1:]} == {
        "Clinic variation": "0",
        "Response rates": "1",
    }
    assert "1 of 7 rows in 2 marts are hidden." in page.text


def test_the_scorecard_shows_the_worst_dimension_of_the_latest_month(report: Report) -> None:
    line = {"clinic_id": "C001", "table_name": "session", "denominator": 100, "is_suppressed": False}
    quality = [
        line | {"arrival_month": "2025-11", "dimension": "conformance", "numerator": 50, "rate": 0.5, "status": "fail"},
        line | {"arrival_month": "2025-12", "dimension": "conformance", "numerator": 0, "rate": 0.0, "status": "pass"},
        line
        | {"arrival_month": "2025-12", "dimension": "plausibility", "numerator": 20, "rate": 0.2, "status": "fail"},
        line | {"table_name": "patient", "arrival_month": "2025-12", "dimension": "conformance", "is_suppressed": True},
    ]
    page = report({}, quality=quality)
    assert [[cell.text for cell in row] for row in page.tables["scorecard-table"]] == [
        ["Table", "C001"],
        ["patient", "hidden"],
        ["session", "above: 20.0 %"],
    ]


@pytest.mark.slow
def test_caveats_that_must_be_read_come_first_and_those_of_other_marts_stay_out(report: Report) -> None:
    caveats = [
        {"code": "a", "mart": "response_rates", "severity": "note", "sentence": "Good to know."},
        {"code": "b", "mart": "response_rates", "severity": "must_read", "sentence": "Quote this."},
        {"code": "c", "mart": "all", "severity": "note", "sentence": "Of every mart."},
        {"code": "d", "mart": "opioid_change", "severity": "must_read", "sentence": "Of a mart not shown."},
    ]
    page = report({}, caveats=caveats)
    text = page.text
    assert text.index("Of every mart.") < text.index("Quote this.") < text.index("Good to know.")
    assert "Of a mart not shown." not in text


@pytest.mark.slow
def test_formulas_of_the_marts_shown_are_in_a_table(report: Report) -> None:
    line = {"measure": "rate", "formula": "numerator / denominator", "source": "counted"}
    page = report({}, definitions=[line | {"mart": "response_rates"}, line | {"mart": "opioid_change"}])
    assert [[cell.text for cell in row] for row in page.tables["formulas-table"][1:]] == [
        ["Response rates", "rate", "numerator / denominator", "\N{EM DASH}", "\N{EM DASH}", "counted"]
    ]


def test_text_from_data_is_escaped(report: Report) -> None:
    page = report({"response_rates": [response(200, 480), response(60, 180, dimension="clinic", level="<b>&")]})
    assert column(page, "clinics-table", 0) == ["<b>&"]
    assert "b" not in {tag for tag, _ in page.tags}


@pytest.mark.slow
def test_the_same_release_gives_the_same_page_byte_for_byte(tmp_path: Path, settings: Settings) -> None:
    pages = []
    for name, order in (("one", 1), ("two", -1)):
        marts = {mart: rows[::order] for mart, rows in CLINICS.items()}
        folder = write_public(tmp_path / name, settings, marts)
        write_report(folder, settings)
        pages.append((folder / "report.html").read_bytes())
    assert pages[0] == pages[1]


@pytest.mark.slow
def test_the_latest_release_is_the_one_named(report: Report) -> None:
    earlier = RELEASE | {"release_id": "20270101-ffffffffff", "published_at": "2025-12-01 02:00:00"}
    page = report({}, releases=[RELEASE, earlier])
    assert page.headings[0] == (1, "Ketamine therapy outcomes registry")
    assert "Release 20260105-0123456789, published 5 January 2026" in page.text


def test_a_registry_of_few_patients_does_not_say_how_few(report: Report) -> None:
    page = report({}, releases=[RELEASE | {"n_patients": None}])
    assert "hidden (fewer than 11)" in page.text


def test_no_word_of_the_page_claims_a_cause(report: Report) -> None:
    page = report(CLINICS)
    words = (page.text + files("registry_pipeline.report").joinpath("words.yaml").read_text(encoding="utf-8")).lower()
    assert not [word for word in ("effective", "efficacy", " works", "benefit", "caused by") if word in words]


def test_a_folder_without_a_public_database_is_refused(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(ConfigurationError):
        write_report(tmp_path, settings)
