"""What the words on the page mean, how its measures are made, and what is to be kept in mind.

What belongs here: `meta.caveats`, `meta.definitions` and `meta.dictionary`, for the marts that the page shows.
"""

from registry_pipeline.report.page import Cell, Figure, Glossary, Section, Table, Term
from registry_pipeline.report.source import Source
from registry_pipeline.report.words import NOTHING, Words

_MARTS = (
    "response_rates",
    "clinic_variation",
    "dose_response",
    "durability_curves",
    "adverse_event_frequencies",
    "follow_up_coverage",
)
"""The marts of the sections, in their order."""

_EVERY_MART = "all"

_EXPLAINED = (
    ("response_rates", "definition"),
    ("response_rates", "time_window"),
    ("response_rates", "estimand"),
    ("response_rates", "ci_method"),
    ("durability_curves", "estimand"),
    ("adverse_event_frequencies", "basis"),
    ("adverse_event_frequencies", "ascertainment"),
    ("follow_up_coverage", "measure"),
)
"""Columns whose description explains codes that stand above."""

_COLUMNS = {
    "measure": "Measure",
    "formula": "Formula",
    "denominator": "Of whom",
    "time_window": "Time",
    "source": "Source",
}


def definitions(source: Source, words: Words) -> Section:
    """Return caveats, words and formulas; whichever of the three the release does not hold is left out."""
    text = words.section("definitions")
    glossaries = tuple(found for found in (_caveats(source, words), _words(source, words)) if found.terms)
    formulas = _formulas(source, words)
    if not glossaries and not formulas.rows:
        return Section("definitions", text["title"], missing=text["missing"])
    figures = (Figure("formulas", "Formulas", formulas),) if formulas.rows else ()
    return Section("definitions", text["title"], glossaries=glossaries, figures=figures)


def _caveats(source: Source, words: Words) -> Glossary:
    found: dict[str, list[str]] = {}
    for severity in ("must_read", "note"):
        for row in source.rows("meta.caveats", severity=severity, mart=(_EVERY_MART, *_MARTS)):
            found.setdefault(row["mart"], []).append(row["sentence"])
    terms = [
        Term("All figures" if mart == _EVERY_MART else _named(mart, words), tuple(found[mart]))
        for mart in (_EVERY_MART, *_MARTS)
        if mart in found
    ]
    return Glossary("Caveats", tuple(terms))


def _words(source: Source, words: Words) -> Glossary:
    described = {
        (row["table_name"], row["column_name"]): row["description"]
        for row in source.rows("meta.dictionary", schema_name="marts")
    }
    terms = [
        Term(f"{_named(mart, words)}: {words.label('column', column)}", (described[mart, column],))
        for mart, column in _EXPLAINED
        if (mart, column) in described
    ]
    return Glossary("Words", tuple(terms))


def _formulas(source: Source, words: Words) -> Table:
    rows = source.rows("meta.definitions", mart=_MARTS)
    cells = [
        (Cell(_named(row["mart"], words)), *(Cell(row[column] or NOTHING) for column in _COLUMNS))
        for row in sorted(rows, key=lambda row: (_MARTS.index(row["mart"]), row["measure"]))
    ]
    columns = ("Mart", *_COLUMNS.values())
    return Table("Formulas of the measures above", columns, tuple(cells), n_text_columns=len(columns))


def _named(mart: str, words: Words) -> str:
    return words.label("mart", mart).capitalize()
