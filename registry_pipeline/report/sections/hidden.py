"""What is hidden: rows of each mart, by reason.

What belongs here: the flags that disclosure control leaves in every mart.
"""

from registry_pipeline.report.page import Cell, Figure, Section, Table
from registry_pipeline.report.source import Source
from registry_pipeline.report.words import NOTHING, Words, counted, percent


def hidden(source: Source, words: Words) -> Section:
    """Return how many rows of each mart are hidden, and why."""
    text = words.section("hidden")
    found = source.hidden_rows()
    n_rows = {entry.mart: entry.n_rows for entry in found if entry.reason is None}
    if not n_rows:
        return Section("hidden", text["title"], missing=text["missing"])
    n_hidden = {(entry.mart, entry.reason): entry.n_rows for entry in found if entry.reason is not None}
    reasons = sorted({reason for _, reason in n_hidden if reason})
    rows = []
    for mart, n in n_rows.items():
        by_reason = [n_hidden.get((mart, reason), 0) for reason in reasons]
        share = Cell(percent(sum(by_reason) / n), sum(by_reason) / n) if n else Cell(NOTHING)
        rows.append(
            (
                Cell(words.label("mart", mart).capitalize()),
                *(Cell(f"{m:,}", m) for m in (n, sum(by_reason))),
                share,
                *(Cell(f"{m:,}", m) for m in by_reason),
            )
        )
    title = "Rows hidden, by mart"
    columns = ("Mart", "Rows", "Hidden", "Share", *(words.label("hidden_column", reason) for reason in reasons))
    total, n_total = sum(n_hidden.values()), sum(n_rows.values())
    return Section(
        "hidden",
        text["title"],
        finding=f"{total:,} of {counted(n_total, 'row')} in {counted(len(n_rows), 'mart')} are hidden.",
        figures=(
            Figure(
                "hidden",
                title,
                Table(title, columns, tuple(rows)),
                note=text["note"].format(small_cell=words.small_cell),
            ),
        ),
    )
