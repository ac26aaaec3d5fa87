"""The page in a real browser: nothing it complains of, nothing it fetches, nothing wider than the screen.

The page forbids every fetch to itself (Content-Security-Policy), so that the browser reports a fetch as an error.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest

from registry_pipeline.report.write import write_report
from registry_pipeline.settings import Settings
from tests.report.html import ReadCell, read_html
from tests.report.public import HIDDEN, MAIN, OVERALL, hidden, rate, response, write_public

pytestmark = pytest.mark.slow

EVENTS = {"dissociation": 160, "dizziness": 120, "nausea": 61, "urinary_frequency_dysuria": 12}


@pytest.fixture(scope="module")
def browser() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("there is no Chromium on this machine")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    settings = Settings(home=folder / "home")
    write_public(folder, settings, _marts())
    write_report(folder, settings)
    return folder


def _marts() -> dict[str, list[dict[str, Any]]]:
    clinics = [response(30 + 9 * n, 90 + 20 * n, dimension="clinic", level=f"C{n:03}") for n in range(1, 9)]
    course = {"indication": "all", "instrument": "phq9", "denominator": 300, "is_suppressed": False}
    return {
        "response_rates": [
            response(400, 1100),
            response(50, 1100, definition="deterioration"),
            response(700, 1100, estimand="best_case"),
            *clinics,
            hidden(dimension="clinic", level="C009"),
        ],
        "clinic_variation": [MAIN | rate(410, 1100, prediction_low=0.2, prediction_high=0.6, tau2=0.1, i2=0.7)],
        "durability_curves": [
            OVERALL
            | course
            | {"estimand": estimand, "day": day, "survival": 0.99**day, "ci_low": 0.98**day, "ci_high": 1.0}
            | {"n_at_risk": 300 - day, "numerator": day}
            for estimand in ("censor_at_retreatment", "competing")
            for day in range(0, 183, 7)
        ],
        "adverse_event_frequencies": [
            OVERALL
            | rate(n, 200, ae_term=term, basis=basis, ascertainment="complete", ascertainment_rate=0.81)
            | {"is_ascertainment_low": False}
            for term, n in EVENTS.items()
            for basis in ("patient", "session")
        ]
        + [OVERALL | HIDDEN | {"ae_term": "fall", "basis": "patient", "ascertainment": "complete"}],
        "follow_up_coverage": [
            OVERALL | rate(800, 1100, indication="all", time_window=window, measure=measure)
            for window in ("wk4", "wk52")
            for measure in ("retained", "scored", "contacted")
        ],
    }


def opened(browser: str, page: Path, folder: Path, *flags: str) -> tuple[str, list[str]]:
    """Open a page; return the DOM that the browser made of it, and what it wrote to its console."""
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"]
    command += [f"--user-data-dir={folder / 'profile'}", *flags, "--dump-dom", page.as_uri()]
    done = subprocess.run(
        command, capture_output=True, check=True, timeout=120, env={**os.environ, "HOME": str(folder)}
    )
    complaints = [line for line in done.stderr.decode().splitlines() if "CONSOLE" in line]
    return done.stdout.decode(), complaints


def test_the_browser_complains_of_nothing_and_fetches_nothing(browser: str, release: Path, tmp_path: Path) -> None:
    dom, complaints = opened(browser, release / "report.html", tmp_path)
    assert complaints == []
    assert "http://" not in dom
    assert "https://" not in dom


def test_the_browser_would_have_complained_of_a_fetch(browser: str, release: Path, tmp_path: Path) -> None:
    page = tmp_path / "broken.html"
    text = (release / "report.html").read_text(encoding="utf-8")
    page.write_text(text.replace("<main>", '<main><img src="http://localhost:9/x.png" alt="">'), encoding="utf-8")
    _, complaints = opened(browser, page, tmp_path)
    assert complaints


def test_the_figures_that_the_browser_shows_are_those_of_the_marts(browser: str, release: Path, tmp_path: Path) -> None:
    dom, _ = opened(browser, release / "report.html", tmp_path)
    tables = read_html(dom).tables
    clinics = _figures(tables["clinics-table"], (0,), range(1, 7))
    assert clinics == _query(
        release,
        "select level, numerator, denominator, rate, ci_low, ci_high, coverage from marts.response_rates "
        "where dimension = 'clinic' order by level",
    )
    curves = _figures(tables["durability-table"], (), range(1, 8))
    assert curves == _query(
        release,
        "select day / 7, survival, ci_low, ci_high, n_at_risk, numerator, denominator from marts.durability_curves "
        "order by estimand, day",
    )
    events = _figures(tables["adverse-events-table"], (1,), (2, 3, 4, 5, 6, 8))
    assert events == _query(
        release,
        "select basis || 's', numerator, denominator, rate, ci_low, ci_high, ascertainment_rate "
        "from marts.adverse_event_frequencies order by rate desc nulls last, basis",
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_no_wider_than_the_screen(browser: str, release: Path, tmp_path: Path, width: int) -> None:
    frame = tmp_path / "frame.html"
    frame.write_text(
        f"""<iframe id="f" width="{width}" height="900" src="{(release / "report.html").as_uri()}"></iframe>
        <script>onload = () => {{
          const root = document.getElementById("f").contentDocument.documentElement;
          document.body.append(`inside ${{root.clientWidth}} of ${{root.scrollWidth}}`);
        }}</script>""",
        encoding="utf-8",
    )
    dom, _ = opened(browser, frame, tmp_path, "--allow-file-access-from-files", "--hide-scrollbars")
    assert f"inside {width} of {width}" in dom


def _figures(rows: list[list[ReadCell]], words: tuple[int, ...], numbers: Any) -> list[tuple[Any, ...]]:
    return [
        (
            *(row[at].text for at in words),
            *(None if row[at].value is None else float(str(row[at].value)) for at in numbers),
        )
        for row in rows[1:]
    ]


def _query(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(folder / "registry.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()
