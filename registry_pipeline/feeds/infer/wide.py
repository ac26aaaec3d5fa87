"""Columns that are visits or questions: `phq9_wk4`, `MADRS_Baseline`, `gad7_total`, `phq9_1` … `phq9_9`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from registry_pipeline.deid.columns import words_of

_TOTAL = r"(?:total|totalscore|score|sum|summe|gesamt|puntaje)?"
_VISITS: tuple[tuple[str, int | None], ...] = (
    (r"(?:base|baseline|bl|screening|screen|basis|t0|v0|inicial|initial)", None),
    (r"(?:week|wk|w|woche|wo|semaine|sem|semana)(\d+)", 7),
    (r"(?:day|d|tag|jour|j|dia)(\d+)", 1),
    (r"(?:month|mo|m|monat|mois|mes)(\d+)", 30),
)
"""How a visit is called, and how many days its number counts; None for the visit before the first session."""
_BEFORE = -1
_MIN_ITEMS = 3


@dataclass(frozen=True)
class WideScore:
    """A column that holds the total of an instrument, perhaps at a visit of its own."""

    source: str
    instrument: str
    study_day: int | None
    """The visit's nominal day; None if the column's name has no visit in it."""


@dataclass(frozen=True)
class Items:
    """The columns of one instrument's questions, numbered from 1."""

    instrument: str
    prefix: str
    """What stands before the number; columns are called `{prefix}1` …"""
    n: int


def wide_scores(names: Sequence[str], instruments: Mapping[str, str]) -> list[WideScore]:
    """Return the columns whose name is an instrument's, with or without a visit.

    Args:
        names: Columns of a file.
        instruments: Name of an instrument, joined and in small letters, → its code.
    """
    found = []
    for name in names:
        for alias, rest in _instrument(name, instruments):
            match = re.fullmatch(_TOTAL, rest)
            if match:
                found.append(WideScore(name, instruments[alias], None))
                break
            day = _visit_day(rest)
            if day is not None:
                found.append(WideScore(name, instruments[alias], day))
                break
    return found


def item_columns(names: Sequence[str], instruments: Mapping[str, str], n_items: Mapping[str, int]) -> list[Items]:
    """Return the instruments whose questions stand in columns of their own.

    Args:
        names: Columns of a file.
        instruments: As in `wide_scores`.
        n_items: Number of questions by instrument code.
    """
    numbers: dict[tuple[str, str], set[int]] = {}
    for name in names:
        numbered = re.fullmatch(r"(.*?\D)([1-9]\d?)", name) or re.fullmatch(r"(.*?\d\D+)([1-9]\d?)", name)
        if numbered is None:
            continue
        prefix, number = numbered[1], int(numbered[2])
        for alias, rest in _instrument(prefix, instruments):
            code = instruments[alias]
            if rest in ("", "item", "q", "question", "frage", "i") and number <= n_items.get(code, 0):
                numbers.setdefault((code, prefix), set()).add(number)
                break
    return [
        Items(code, prefix, len(found))
        for (code, prefix), found in numbers.items()
        if len(found) >= _MIN_ITEMS and found == set(range(1, len(found) + 1))
    ]


def _instrument(name: str, instruments: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the instruments that a name begins with and what follows, the longest first."""
    text = "".join(words_of(name))
    return [
        (alias, text[len(alias) :]) for alias in sorted(instruments, key=len, reverse=True) if text.startswith(alias)
    ]


def _visit_day(text: str) -> int | None:
    for pattern, days in _VISITS:
        match = re.fullmatch(_TOTAL + pattern + _TOTAL, text)
        if match:
            return _BEFORE if days is None else int(match[1]) * days
    return None
