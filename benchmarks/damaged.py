"""Small files of courses with damage in known places, for the fuzz run and for the property tests.

What belongs here: making a file, and saying which of its records nothing touched. What does not: reading or judging it.

A record is intact when no character of it was changed and its line ends are its own. Cells that go on in another line
begin every line with a letter: behind a stray quote, a line that begins with a quote could be read in two ways.
"""

import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

COLUMNS = ("course_id", "patient_id", "course_no", "intent", "target_dx_seq", "start_day", "end_reason", "payer_type")
REMARK = "remark"
"""A column of odd text that the feed ignores."""
Row = dict[str, str]

_BAD = "\ue000"
"""Stands for bytes that are not in the file's encoding."""
_BAD_BYTES = {"utf-8": b"\xff", "cp1252": b"\x81", "utf-16": b"\x00\xd8", "shift_jis": b"\xff"}
_LINE_END = re.compile("\r\n|\r|\n")
_DIGITS_TO_LETTERS = str.maketrans("0123456789", "bcdfghjkmn")
_ODD = [
    "a,b",
    "a;b",
    "a|b",
    "a\tb",
    'say "hi"',
    "it's",
    "é à",
    "\u2028x",
    "a\x85b",
    "a\x0bb\x0cc",
    "東京",
    "=1+1",
    "a\xa0b",
]


@dataclass(frozen=True)
class Dialect:
    """How a text file is written."""

    delimiter: str
    quote: str
    encoding: str


DIALECTS = [
    Dialect(delimiter, quote, encoding)
    for encoding, delimiters in {"utf-8": ",;\t|¦", "cp1252": ",;\t§", "utf-16": ",\t", "shift_jis": ",|"}.items()
    for delimiter in delimiters
    for quote in "\"'"
]


@dataclass
class Sample:
    """A file, and what must be found in it."""

    content: bytes
    intact: dict[int, Row] = field(default_factory=dict)
    """By physical line: the records that must come out exactly like this."""
    may_be_refused: bool = False
    """Whether the damage is such that the whole file may be refused."""
    refusals: tuple[str, ...] = ()
    """The rules that may refuse the whole file even so."""


def course(rng: Random, number: int, encoding: str = "utf-8") -> Row:
    """Return a course that every rule accepts, with a remark that a file has to take care of."""
    row = {
        # Letters: a piece of a number might look like a telephone's, and identifiers refuse a whole file.
        "course_id": f"c{number}-{_letters(rng, 8)}",
        "patient_id": f"p_{_letters(rng, 26)}",
        "course_no": "1",
        "intent": rng.choice(["induction", "maintenance", "rescue", "palliative"]),
        "target_dx_seq": str(rng.randint(1, 9)),
        "start_day": str(rng.randint(0, 400)),
        "end_reason": "completed",
        "payer_type": "self",
    }
    return row | {REMARK: _remark(rng, encoding)}


def _letters(rng: Random, n: int) -> str:
    return f"{rng.randrange(10**n):0{n}d}".translate(_DIGITS_TO_LETTERS)


def _remark(rng: Random, encoding: str) -> str:
    kind = rng.randrange(6)
    if kind == 0:
        text = rng.choice(["\n", "\r\n", "\r"]).join(rng.choice(["ab", "c d", 'e "f" g', "h"]) for _ in range(3))
    elif kind in {1, 2}:
        text = " ".join(rng.choice(_ODD) for _ in range(rng.randint(1, 3)))
    else:
        text = rng.choice(["", "x", "well tolerated"])
    return text.encode(encoding, "ignore").decode(encoding)


def csv_sample(rng: Random, dialect: Dialect, *, is_damaged: bool = True) -> Sample:
    """Return delimited text."""
    writer = _Writer(rng, dialect)
    names = [*COLUMNS, REMARK]
    rng.shuffle(names)
    writer.header(names)
    for number in range(rng.randint(0, 12)):
        row = course(rng, number, dialect.encoding)
        if _happens(rng, 0.1):
            writer.add(rng.choice(["", " ", dialect.delimiter * rng.randint(1, 12)]))
        if is_damaged and _happens(rng, 0.3):
            writer.add_damaged(row, names)
        else:
            writer.add(writer.record(row, names), row)
    return writer.sample()


class _Writer:
    """Writes delimited text and remembers what is intact."""

    def __init__(self, rng: Random, dialect: Dialect) -> None:
        self.rng = rng
        self.dialect = dialect
        self.ends = rng.choice([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n", "\r"]])
        self.quotes_all = _happens(rng, 0.2)
        self.trailing = rng.choice(["", "", "", dialect.delimiter])
        self.text = ""
        self.intact: dict[int, Row] = {}
        self.is_glued = False
        self.end = ""

    def header(self, names: list[str]) -> None:
        self.add(self.dialect.delimiter.join(names) + self.rng.choice(["", self.trailing]))

    def record(self, row: Row, names: list[str]) -> str:
        return self.dialect.delimiter.join(self._cell(row[name]) for name in names) + self.trailing

    def _cell(self, text: str) -> str:
        quote = self.dialect.quote
        needs = any(mark in text for mark in (self.dialect.delimiter, quote, "\r", "\n"))
        if needs or self.quotes_all or _happens(self.rng, 0.1):
            return quote + text.replace(quote, quote * 2) + quote
        return text

    def add(self, text: str, row: Row | None = None) -> None:
        """Write a line with its end; glued to a line that lost its end, it is not intact."""
        if row is not None and not self.is_glued:
            self.intact[1 + len(_LINE_END.findall(self.text))] = row
        self.end = self.rng.choice(self.ends)
        self.text += text + self.end
        self.is_glued = False

    def add_damaged(self, row: Row, names: list[str]) -> None:
        text = self.record(row, names)
        for _ in range(self.rng.randint(1, 2)):
            text = self.rng.choice(_DAMAGES)(self.rng, text, self.dialect)
        self.add(text)
        if _happens(self.rng, 0.1):
            # Not by rstrip: of a line that nothing is left of, the end before it belongs to the line above.
            self.text = self.text[: -len(self.end)]
            self.is_glued = True

    def sample(self) -> Sample:
        if _happens(self.rng, 0.3):
            self.text = self.text.removesuffix("\n").removesuffix("\r")
        return Sample(_encoded(self.text, self.dialect.encoding, with_mark=_happens(self.rng, 0.2)), self.intact)


def _encoded(text: str, encoding: str, *, with_mark: bool = False) -> bytes:
    codec = "utf-16-le" if encoding == "utf-16" else encoding
    mark = b"\xff\xfe" if encoding == "utf-16" else b"\xef\xbb\xbf" if encoding == "utf-8" and with_mark else b""
    return mark + _BAD_BYTES[encoding].join(part.encode(codec) for part in text.split(_BAD))


def _inserted(rng: Random, text: str, piece: str) -> str:
    at = rng.randint(0, len(text))
    return text[:at] + piece + text[at:]


def _happens(rng: Random, share: float) -> bool:
    return rng.random() < share


def _without_quote(rng: Random, text: str, dialect: Dialect) -> str:
    places = [at for at, letter in enumerate(text) if letter == dialect.quote]
    if not places:
        return _inserted(rng, text, dialect.quote)
    at = rng.choice(places)
    return text[:at] + text[at + 1 :]


_DAMAGES: list[Callable[[Random, str, Dialect], str]] = [
    _without_quote,
    lambda rng, text, dialect: _inserted(rng, text, dialect.quote),
    lambda rng, text, dialect: _inserted(rng, text, dialect.delimiter),
    lambda rng, text, _: text[: rng.randint(0, len(text))],
    lambda rng, text, _: text[rng.randint(0, len(text)) :],
    lambda rng, text, _: _inserted(rng, text, "\0"),
    lambda rng, text, _: _inserted(rng, text, _BAD),
    lambda rng, text, _: _inserted(rng, text, rng.choice(["\n", "\r", "\r\n"])),
    lambda rng, text, dialect: text + dialect.delimiter * rng.randint(1, 3),
]


def ndjson_sample(rng: Random) -> Sample:
    """Return one JSON object per line, some of them broken."""
    lines: list[str] = []
    intact: dict[int, Row] = {}
    for number in range(rng.randint(1, 12)):
        row = course(rng, number)
        text = json.dumps(_typed(row), ensure_ascii=_happens(rng, 0.5))
        if number and _happens(rng, 0.3):
            damaged = rng.choice(_JSON_DAMAGES)(rng, text)
            lines += _LINE_END.split(damaged)
        else:
            lines.append(text)
            intact[len(lines)] = row
    content = _encoded(rng.choice(["\n", "\r\n", "\r"]).join(lines), "utf-8")
    # Damage to a key can leave good JSON with a column that nobody knows.
    return Sample(content, intact, refusals=("delivery.unmapped_column",))


def _typed(row: Row) -> dict[str, object]:
    return {name: int(value) if value.isdecimal() else value or None for name, value in row.items()}


_JSON_DAMAGES: list[Callable[[Random, str], str]] = [
    lambda rng, text: text[: rng.randint(0, len(text))],
    lambda rng, text: _inserted(rng, text, rng.choice(['"', "{", "]", "\\", ",", "\0", _BAD, "\n", "\r"])),
    lambda rng, text: _inserted(rng, text, rng.choice(["NaN", "\\ud800", "1e999", "[1]", '"x":1,'])),
    lambda _, text: text + text,
    lambda _, text: text[:-1] + ', "course_no": 2}',
    lambda _, __: "[" * 5_000,
]


def json_sample(rng: Random) -> Sample:
    """Return a JSON array, sometimes broken: then all of it may be refused."""
    rows = [course(rng, number) for number in range(rng.randint(1, 8))]
    text = json.dumps([_typed(row) for row in rows], indent=rng.choice([None, 2]))
    if _happens(rng, 0.5):
        return Sample(_encoded(rng.choice(_JSON_DAMAGES)(rng, text), "utf-8"), may_be_refused=True)
    return Sample(text.encode(), dict(enumerate(rows, start=1)))


def packed_sample(rng: Random, sample: Sample) -> Sample:
    """Return a file packed by gzip or zip, sometimes damaged, which their checksums tell."""
    packed = gzip.compress(sample.content) if _happens(rng, 0.5) else _zipped(sample.content)
    if _happens(rng, 0.5):
        return Sample(packed, sample.intact, sample.may_be_refused)
    # What is damaged yet unpacks was damaged in a name or a time stamp: its records count as before.
    return Sample(mutated(rng, packed), {}, may_be_refused=True)


def _zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("courses.csv", content)
        archive.writestr("__MACOSX/._courses.csv", b"litter")
    return buffer.getvalue()


def mutated(rng: Random, content: bytes) -> bytes:
    """Return bytes with a few changed, cut off or put in."""
    octets = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(octets) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            del octets[at:]
        elif kind == 1:
            octets[at:at] = rng.randbytes(rng.randint(1, 8))
        else:
            octets[at : at + 1] = rng.randbytes(1)
    return bytes(octets)


def parquet_sample(rng: Random) -> Sample:
    """Return a Parquet file, usually with damaged bytes. It has no checksums: what it says then is anyone's guess."""
    import polars as pl  # noqa: PLC0415 - only the samples that need it pay for it

    rows = [course(rng, number) for number in range(rng.randint(0, 6))]
    buffer = io.BytesIO()
    pl.DataFrame(rows, schema=dict.fromkeys([*COLUMNS, REMARK], pl.String)).write_parquet(buffer)
    return _perhaps_mutated(rng, buffer.getvalue(), dict(enumerate(rows, start=1)))


def excel_sample(rng: Random) -> Sample:
    """Return a workbook, usually with damaged bytes."""
    import xlsxwriter  # noqa: PLC0415 - likewise

    rows = [course(rng, number) for number in range(rng.randint(0, 6))]
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet("Courses")
        sheet.write_row(0, 0, [*COLUMNS, REMARK])
        for number, row in enumerate(rows, start=1):
            sheet.write_row(number, 0, [int(value) if value.isdecimal() else value for value in row.values()])
    return _perhaps_mutated(rng, buffer.getvalue(), dict(enumerate(rows, start=2)))


def _perhaps_mutated(rng: Random, content: bytes, intact: dict[int, Row]) -> Sample:
    if _happens(rng, 0.3):
        return Sample(content, intact)
    return Sample(mutated(rng, content), {}, may_be_refused=True)
