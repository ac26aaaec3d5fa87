"""The scorecard: what was wrong with the records of each clinic and table.

What belongs here: `meta.data_quality`.
"""

from collections.abc import Sequence
from itertools import groupby

from registry_pipeline.report.page import Cell, Figure, Section, Table, Tone
from registry_pipeline.report.source import Row, Source
from registry_pipeline.report.words import NOTHING, Words, counted, percent

_TONES: dict[str, Tone] = {"pass": "good", "pass_with_findings": "fair", "fail": "poor"}
_WORST_FIRST = ("fail", "pass_with_findings", "pass")
_COLUMNS = ("Month", "Dimension", "Refused", "Read", "Share", "Threshold", "Verdict", "Against its past")


def quality(source: Source, words: Words) -> Section:
    """Return the latest month of every clinic and table: one cell each, and every dimension behind it."""
    text = words.section("quality")
    rows = source.rows("meta.data_quality")
    latest = _latest([row for row in rows if row["table_name"]])
    if not latest:
        return Section("quality", text["title"], missing=text["missing"])
    matrix = Figure(
        "scorecard",
        "Scorecard by clinic and table",
        _matrix(latest, words),
        note=text["note"].format(n=words.small_cell + 1),
    )
    lines = Figure("scorecard-lines", "Every dimension of the latest month", _lines(latest, words))
    n_files = sum(row["n_refused_files"] or 0 for row in rows)
    notes = (f"{counted(n_files, 'file was', 'files were')} refused whole.",) if n_files else ()
    return Section("quality", text["title"], finding=_sentence(latest), figures=(matrix, lines), notes=notes)


def _latest(rows: Sequence[Row]) -> list[Row]:
    ordered = sorted(
        rows, key=lambda row: (row["clinic_id"], row["table_name"], row["arrival_month"], row["dimension"])
    )
    found: list[Row] = []
    for _, group in groupby(ordered, key=lambda row: (row["clinic_id"], row["table_name"])):
        lines = list(group)
        found += [line for line in lines if line["arrival_month"] == lines[-1]["arrival_month"]]
    return found


def _matrix(rows: Sequence[Row], words: Words) -> Table:
    tables = sorted({row["table_name"] for row in rows})
    clinics = sorted({row["clinic_id"] for row in rows})
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        grouped.setdefault((row["table_name"], row["clinic_id"]), []).append(row)
    cells = tuple(
        (Cell(words.label("table", table)), *(_worst(grouped.get((table, clinic), [])) for clinic in clinics))
        for table in tables
    )
    return Table("Scorecard by clinic and table", ("Table", *clinics), cells)


def _worst(lines: Sequence[Row]) -> Cell:
    """Return the worst dimension; hidden only when nothing worse than what is hidden is shown."""
    shown = [line for line in lines if not line["is_suppressed"]]
    if not shown:
        return Cell("hidden", tone="hidden") if lines else Cell(NOTHING)
    worst = min(shown, key=lambda line: (_WORST_FIRST.index(line["status"]), -(line["rate"] or 0)))
    text = percent(worst["rate"]) if worst["rate"] else "none"
    return Cell(f"above: {text}" if worst["status"] == "fail" else text, worst["rate"], _TONES[worst["status"]])


def _lines(rows: Sequence[Row], words: Words) -> Table:
    cells = tuple(
        (
            Cell(row["clinic_id"]),
            Cell(words.label("table", row["table_name"])),
            Cell(row["arrival_month"]),
            Cell(row["dimension"]),
            words.number(row, "numerator"),
            words.number(row, "denominator"),
            words.share(row, "rate"),
            words.share({"threshold": row["threshold"]}, "threshold"),
            words.hidden()
            if row["is_suppressed"]
            else Cell(words.label("status", row["status"]), tone=_TONES[row["status"]]),
            _drift(row),
        )
        for row in rows
    )
    return Table("Every dimension of the latest month", ("Clinic", "Table", *_COLUMNS), cells, n_text_columns=4)


def _drift(row: Row) -> Cell:
    if row["is_drifting"] is None or row["drift_low"] is None:
        return Cell(NOTHING)
    if not row["is_drifting"]:
        return Cell("as usual")
    return Cell("more than usual" if row["rate"] > row["drift_high"] else "less than usual", tone="fair")


def _sentence(rows: Sequence[Row]) -> str:
    judged = {(row["clinic_id"], row["table_name"]) for row in rows}
    failed = {
        (row["clinic_id"], row["table_name"]) for row in rows if row["status"] == "fail" and not row["is_suppressed"]
    }
    n_drifting = sum(1 for row in rows if row["is_drifting"])
    pairs = counted(len(judged), "pair of clinic and table", "pairs of clinic and table")
    sentence = f"{len(failed):,} of {pairs} above the threshold"
    return (
        f"{sentence}; {counted(n_drifting, 'line is', 'lines are')} unlike the clinic's past."
        if n_drifting
        else f"{sentence}."
    )
