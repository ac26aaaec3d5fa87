"""Which lines of delimited text are whole records by themselves, told from the places of a few octets. See RFC 4180.

What belongs here: looking at many lines at once. What does not: what becomes of them (readers.salvage).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEWLINE, RETURN, LONE = 10, 13, 255
Lines = NDArray[np.bool_]
"""One flag for each line."""
Places = NDArray[np.int64]


def line_bounds(text: bytes) -> Places:
    """Return where each line starts, and the end of the last one."""
    return np.concatenate(([0], places(text, NEWLINE) + 1))


def places(text: bytes, octet: int) -> Places:
    """Return where an octet stands."""
    return np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == octet)


def count_per_line(found: Places, bounds: Places) -> Places:
    """Return how many of the places found lie in each line."""
    return np.diff(np.searchsorted(found, bounds))


def blank_lines(text: bytes, bounds: Places) -> Lines:
    """Return which lines have nothing but their line end."""
    octets = np.frombuffer(text, dtype=np.uint8)
    last = octets[np.maximum(bounds[1:] - 2, 0)]
    blank: Lines = np.diff(bounds) - 1 - ((last == RETURN) | (last == LONE)) <= 0
    return blank


def lines_with(needles: tuple[bytes, ...], text: bytes, bounds: Places) -> Lines:
    """Return which lines have one of a few rare strings."""
    found = np.zeros(len(bounds) - 1, dtype=np.bool_)
    for needle in needles:
        at = text.find(needle)
        while at >= 0:
            index = int(np.searchsorted(bounds, at, side="right")) - 1
            found[index] = True
            at = text.find(needle, int(bounds[index + 1]))
    return found


def selected(text: bytes, bounds: Places, wanted: Lines) -> bytes:
    """Return the text of the lines wanted; neighbours are copied in one piece."""
    if wanted.all():
        return text
    edges = np.flatnonzero(np.diff(np.concatenate(([False], wanted, [False])))).reshape(-1, 2)
    return b"".join(text[start:end] for start, end in bounds[edges].tolist())


@dataclass(frozen=True)
class _Marks:
    """The delimiters, quotes and newlines of a text, in order."""

    octets: NDArray[np.uint8]
    at: Places
    kind: NDArray[np.uint8]
    ends: Places
    """Which of the marks end a line."""

    def is_beside(self, step: int) -> Lines:
        """Return which marks have another one, or the edge of the text, right before (-1) or behind (+1) them."""
        is_near = np.diff(self.at) == 1
        # The last mark is a newline, behind which nothing matters.
        return np.concatenate(([self.at[0] == 0], is_near) if step < 0 else (is_near, [True]))


def _marks(text: bytes, delimiter: int, quote: int) -> _Marks:
    octets = np.frombuffer(text, dtype=np.uint8)
    at = np.flatnonzero((octets == delimiter) | (octets == quote) | (octets == NEWLINE))
    kind = octets[at]
    return _Marks(octets, at, kind, np.flatnonzero(kind == NEWLINE))


def well_quoted(text: bytes, delimiter: int, quote: int) -> tuple[Lines, Places]:
    """Return which lines have all their quotes in place, and how many delimiters outside quotes each line has.

    A quote is in place when it begins a field, ends one, or stands doubled inside one.
    """
    marks = _marks(text, delimiter, quote)
    is_quote = marks.kind == quote
    is_open = _open_after(is_quote, marks.ends)
    is_delimiter = (marks.kind == delimiter) & ~is_open
    is_misplaced = is_quote & np.where(is_open, ~marks.is_beside(-1), ~(marks.is_beside(1) | _at_line_end(marks)))
    is_whole = ~is_open[marks.ends] & (_per_line(is_misplaced, marks.ends) == 0)
    return is_whole, _per_line(is_delimiter, marks.ends)


def _open_after(is_quote: Lines, ends: Places) -> Lines:
    """Return behind which marks a quoted field is open, each line taken by itself."""
    is_open = np.bitwise_xor.accumulate(is_quote)
    before_line = np.concatenate(([False], is_open[ends[:-1]]))
    opened: Lines = is_open ^ np.repeat(before_line, np.diff(ends, prepend=-1))
    return opened


def _at_line_end(marks: _Marks) -> Lines:
    """Return which marks are followed by a return, the first half of a line end."""
    at_end: Lines = np.zeros(len(marks.at), dtype=np.bool_)
    last = marks.ends[marks.ends > 0] - 1  # the mark before the newline
    following = marks.octets[np.minimum(marks.at[last] + 1, len(marks.octets) - 1)]
    at_end[last] = (following == RETURN) | (following == LONE)
    return at_end


def _per_line(flags: Lines, ends: Places) -> Places:
    total = np.cumsum(flags, dtype=np.int64)[ends]
    return np.diff(total, prepend=0)
