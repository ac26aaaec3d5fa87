"""The page as one HTML file that needs nothing else, and its findings as CSV.

What belongs here: what the template cannot compute, such as coordinates. What does not: figures (`figures.py`).
"""

import csv
import io
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.lake.atomic import write_text
from registry_pipeline.quarantine_page.figures import ClinicFigures, Month, Score, clinic_figures
from registry_pipeline.quarantine_page.words import remedy, share
from registry_pipeline.settings import NIGHTLY_HOUR, Settings

_CHART = {"height": 190, "base": 160, "top": 24}
_BAR_STEP, _BAR_WIDTH = 60.0, 40.0
_SPARK_WIDTH, _SPARK_HEIGHT, _SPARK_MARGIN = 84, 28, 4
_CSV_COLUMNS = ("file", "line", "table", "column", "rule", "severity", "what it means", "what to do")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_page(settings: Settings, clinic_id: str, page: Path) -> tuple[Path, Path]:
    """Write a clinic's page and, beside it, every finding as CSV.

    Returns:
        The page and the CSV.

    Raises:
        ConfigurationError: If nothing of this clinic was ever read.
        StorageError: If they cannot be written.
    """
    figures = clinic_figures(settings, clinic_id)
    table = page.with_suffix(".csv")
    write_text(page, render_page(figures, table.name))
    # The mark at the start tells Excel that the file is UTF-8.
    write_text(table, "\ufeff" + render_csv(figures, settings))
    return page, table


def render_page(figures: ClinicFigures, csv_name: str) -> str:
    """Return the page as HTML; whatever comes from a clinic, such as a file's name, is escaped."""
    template = files(__package__).joinpath("page.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found = [score for score in figures.scores if any(line["status"] != "pass" for line in score.months)]
    clean: dict[str, list[str]] = {}
    for score in figures.scores:
        if score not in found:
            clean.setdefault(score.table_name, []).append(score.dimension)
    return environment.from_string(template).render(
        page=figures,
        csv_name=csv_name,
        chart=_chart(figures.months),
        scores=[_score(score) for score in found],
        clean=clean,
        share=share,
        nightly=f"{NIGHTLY_HOUR:02}:00 UTC",
    )


def render_csv(figures: ClinicFigures, settings: Settings) -> str:
    """Return every finding that stands, a refused file as one line, as CSV."""
    contracts = load_contracts(settings)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_CSV_COLUMNS)
    for file in figures.refused_files:
        refusal = file.refusal
        row = (file.file_name, refusal.line, None, None, refusal.rule_id, "refused", refusal.reason, refusal.remedy)
        writer.writerow(_safe_cells(row))
    remedies: dict[str, str] = {}
    for row in figures.rows:
        rule_id = row[4]
        remedies.setdefault(rule_id, remedy(rule_id, contracts))
        writer.writerow(_safe_cells((*row, remedies[rule_id] if row[5] != "warn" else "Check it; the record is in.")))
    return text.getvalue()


def _safe_cells(row: Sequence[object]) -> Iterator[object]:
    """Keep a spreadsheet from running what stands in a file's name."""
    return (f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell for cell in row)


def _chart(months: Sequence[Month]) -> dict[str, Any]:
    """Return the bars of the share refused, the earliest month first, scaled to the greatest share."""
    ordered = list(reversed(months))
    highest = max((month.n_refused / month.n_records for month in ordered), default=0) or 1
    bars = []
    for number, month in enumerate(ordered):
        height = round((_CHART["base"] - _CHART["top"]) * month.n_refused / month.n_records / highest, 1)
        left = _BAR_STEP * number + (_BAR_STEP - _BAR_WIDTH) / 2
        bars.append(
            {
                "month": month.month,
                "share": share(month.n_refused, month.n_records),
                "x": left,
                "middle": left + _BAR_WIDTH / 2,
                "y": _CHART["base"] - height,
                "height": height,
            }
        )
    return {**_CHART, "width": _BAR_STEP * len(bars), "bar_width": _BAR_WIDTH, "bars": bars}


def _score(score: Score) -> dict[str, Any]:
    latest, rates = score.latest, [line["rate"] for line in score.months]
    numerator, denominator = latest["numerator"], latest["denominator"]
    threshold = latest["threshold"]
    highest = max([*rates, threshold or 0]) or 1
    points = [(_across(number, len(rates)), _down(rate, highest)) for number, rate in enumerate(rates)]
    return {
        "table": score.table_name,
        "dimension": score.dimension,
        "month": latest["arrival_month"],
        "refused": f"{numerator:,} of {denominator:,} ({share(numerator, denominator)})",
        "is_failed": latest["status"] == "fail",
        "verdict": _verdict(latest),
        "past": _past(latest),
        "trend": ", ".join(
            f"{line['arrival_month']} {share(line['numerator'], line['denominator'])}" for line in score.months
        ),
        "threshold_y": None if threshold is None else _down(threshold, highest),
        "points": " ".join(f"{x},{y}" for x, y in points),
        "last_x": points[-1][0],
        "last_y": points[-1][1],
        "months": score.months,
    }


def _verdict(line: dict[str, Any]) -> str:
    if line["threshold"] is None:
        return "no threshold"
    return f"{'above' if line['status'] == 'fail' else 'within'} {line['threshold'] * 100:.4g} %"


def _past(line: dict[str, Any]) -> str:
    if line["drift_low"] is None:
        return "too short to say"
    usual = f"{line['drift_low'] * 100:.1f} to {line['drift_high'] * 100:.1f} %"
    if not line["is_drifting"]:
        return f"as usual, {usual}"
    return f"{'more' if line['rate'] > line['drift_high'] else 'less'} than usual, {usual}"


def _across(number: int, n_points: int) -> float:
    room = _SPARK_WIDTH - 2 * _SPARK_MARGIN
    return round(_SPARK_MARGIN + room * (number / (n_points - 1) if n_points > 1 else 1), 1)


def _down(rate: float, highest: float) -> float:
    return round(_SPARK_HEIGHT - _SPARK_MARGIN - (_SPARK_HEIGHT - 2 * _SPARK_MARGIN) * rate / highest, 1)
