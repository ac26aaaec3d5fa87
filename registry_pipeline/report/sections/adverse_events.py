"""Adverse events: patients and sessions with each, among sessions that were asked about completely.

What belongs here: `marts.adverse_event_frequencies`, the two bases that are read first.
"""

from collections.abc import Sequence

from registry_pipeline.report.charts.intervals import Bar, draw_intervals, swatch
from registry_pipeline.report.page import Cell, Figure, Key, Section, Table
from registry_pipeline.report.sections.outcome import by, point, rate_text
from registry_pipeline.report.source import Row, Source
from registry_pipeline.report.words import Words, percent

_N_DRAWN = 20
_BASES = ("patient", "session")
_COLUMNS = ("Event", "Counted", "With", "Of", "Share", "95 % from", "to", "If none seen, at most", "Forms complete")


def adverse_events(source: Source, words: Words) -> Section:
    """Return the dot plot and the table of adverse events over the whole registry."""
    text = words.section("adverse_events")
    rows = source.rows(
        "marts.adverse_event_frequencies", ascertainment="complete", dimension="overall", level="all", basis=_BASES
    )
    patients, sessions = (by([row for row in rows if row["basis"] == basis], "ae_term") for basis in _BASES)
    order = sorted({*patients, *sessions}, key=lambda term: _rank(term, patients, sessions))
    seen = [term for term in order if (_rate(term, patients) or _rate(term, sessions) or 0) > 0]
    if not seen:
        return Section("adverse_events", text["title"], missing=text["missing"])
    bars = [
        Bar(
            words.label("ae_term", term),
            _pair(term, patients, sessions),
            (point(patients.get(term)), point(sessions.get(term))),
        )
        for term in seen[:_N_DRAWN]
    ]
    title = "Adverse events, as shares of patients and of sessions"
    wide, narrow = draw_intervals(
        title, " ".join(f"{bar.label}: {bar.text}." for bar in bars), bars, "patients / sessions"
    )
    rows_of_table = tuple(
        _cells(term, found[term], words) for term in order for found in (patients, sessions) if term in found
    )
    table = Table(title, _COLUMNS, rows_of_table, n_text_columns=2)
    legend = (Key("share of patients", swatch(0)), Key("share of sessions", swatch(1)))
    figure = Figure("adverse-events", title, table, wide, narrow, legend, text["note"])
    is_low = any(row["is_ascertainment_low"] for row in rows)
    return Section(
        "adverse_events",
        text["title"],
        finding=_sentence(patients, sessions, words),
        banner=text["low"] if is_low else "",
        figures=(figure,),
        notes=tuple(_notes(order, seen, patients, words)),
    )


def _rate(term: str, rows: dict[str, Row]) -> float | None:
    row = rows.get(term)
    rate: float | None = row["rate"] if row else None
    return rate


def _rank(term: str, patients: dict[str, Row], sessions: dict[str, Row]) -> tuple[bool, float, str]:
    """Order terms by how many patients had them; `any` comes first and hidden ones between seen and not seen."""
    rate = _rate(term, patients)
    rate = rate if rate is not None else _rate(term, sessions)
    return (term != "any", -(rate if rate is not None else 1e-9), term)


def _pair(term: str, patients: dict[str, Row], sessions: dict[str, Row]) -> str:
    shares = [_rate(term, rows) for rows in (patients, sessions)]
    return " / ".join("hidden" if share is None else percent(share) for share in shares)


def _cells(term: str, row: Row, words: Words) -> tuple[Cell, ...]:
    shares = ("rate", "ci_low", "ci_high", "zero_upper", "ascertainment_rate")
    return (
        Cell(words.label("ae_term", term)),
        Cell(f"{row['basis']}s"),
        words.number(row, "numerator"),
        words.number(row, "denominator"),
        *(words.share(row, name) for name in shares),
    )


def _sentence(patients: dict[str, Row], sessions: dict[str, Row], words: Words) -> str:
    row, session = patients.get("any"), sessions.get("any")
    sentences = []
    if row is not None and row["rate"] is not None:
        with_any, asked = (words.number(row, name).text for name in ("numerator", "denominator"))
        sentences.append(
            f"{with_any} of {asked} patients had at least one event in a session, {rate_text(row, words)}."
        )
    if session is not None and session["ascertainment_rate"] is not None:
        sentences.append(
            f"{percent(session['ascertainment_rate'])} of all sessions have a complete adverse-event form."
        )
    return " ".join(sentences)


def _notes(order: Sequence[str], seen: Sequence[str], patients: dict[str, Row], words: Words) -> list[str]:
    notes = []
    if len(seen) > _N_DRAWN:
        notes.append(f"The chart shows the {_N_DRAWN} most frequent events, the table all of them.")
    hidden = [term for term in order if term in patients and patients[term]["rate"] is None]
    if hidden:
        notes.append(f"Hidden by number of patients: {_listed(hidden, words)}.")
    absent = [row for term in order if (row := patients.get(term)) and row["rate"] == 0]
    upper = max((row["zero_upper"] for row in absent if row["zero_upper"] is not None), default=None)
    if upper is not None:
        names = _listed([row["ae_term"] for row in absent], words)
        notes.append(
            f"Not observed, which leaves up to {percent(upper)} of patients possible and never means that it does not "
            f"occur: {names}."
        )
    return notes


def _listed(terms: Sequence[str], words: Words) -> str:
    return ", ".join(words.label("ae_term", term) for term in terms)
