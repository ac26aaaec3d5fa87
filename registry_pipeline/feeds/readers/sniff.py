"""What a file seems to be, for drafting a feed. Ingest itself never guesses: it reads what the feed says.

What belongs here: format, delimiter, quote, encoding, decimal mark. What does not: what columns mean (feeds.infer).
"""

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.model import CsvDialect, Format
from registry_pipeline.feeds.readers.compressed import content_of, is_workbook

_HEAD_BYTES = 1 << 20
_ROWS = 1_000
_DELIMITERS, _QUOTES = (",", ";", "\t", "|"), ('"', "'")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
_TRANSPORT = b"HEADER RECORD*******LIB"
_REDCAP = re.compile(r"redcap_(event_name|repeat_instrument|repeat_instance|data_access_group)|.+___\w+|.+_complete")
_ENCODINGS = ["cp1252", "mac_roman", "cp850", "cp1250", "cp1251", "shift_jis", "gb18030"]
"""What clinics' systems write when they do not write UTF-8, the commonest first; cp1252 holds all of Latin-1."""
_DECIMAL = {mark: re.compile(rf"[+-]?\d+\{mark}\d+") for mark in ".,"}


def sniff_format(path: Path) -> Format:
    """Return the format that a file, packed or not, seems to have.

    Raises:
        DeliveryRefusedError: If the file is empty, damaged, or nothing that the registry reads.
    """
    if is_workbook(path):
        return "excel"
    with content_of(path) as content:
        head = content.read(_HEAD_BYTES)
    if not head.strip():
        raise DeliveryRefusedError("delivery.empty", "The file is empty.", remedy="Choose a file with data.")
    by_magic: dict[bytes, Format] = {b"PAR1": "parquet", _OLD_WORKBOOK: "excel", b"PK\3\4": "excel", _TRANSPORT: "xpt"}
    for magic, name in by_magic.items():
        if head.startswith(magic):
            return name
    if b"\0" in head and not head.startswith(_UTF_16):
        raise DeliveryRefusedError(
            "delivery.unreadable",
            "The file is neither text nor Parquet, Excel or SAS transport.",
            remedy="Choose a file in a format that the registry reads.",
        )
    return _text_format(path, head.removeprefix(codecs.BOM_UTF8).lstrip())


def _text_format(path: Path, text: bytes) -> Format:
    if text.startswith(b"["):
        return "json"
    if text.startswith(b"{"):
        first_line = text.split(b"\n", 1)[0]
        if not _is_object(first_line):
            return "json"
        return "fhir" if b'"resourceType"' in first_line else "ndjson"
    dialect = sniff_csv(path)
    header = next(_rows(_head_text(path, dialect.encoding), dialect.delimiter, dialect.quote), [])
    return "redcap" if any(_REDCAP.fullmatch(name.strip()) for name in header) else "csv"


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def sniff_csv(path: Path) -> CsvDialect:
    """Return how a delimited file, packed or not, seems to be written.

    Raises:
        DeliveryRefusedError: If the file is damaged.
    """
    encoding = _encoding(path)
    text = _head_text(path, encoding)
    quote = _quote(text)
    delimiter = _delimiter(text, quote)
    if not _splits(text, delimiter, quote):
        # An apostrophe in a name looks like a quote.
        quote, delimiter = _QUOTES[0], _delimiter(text, _QUOTES[0])
    cells = [cell.strip() for row in islice(_rows(text, delimiter, quote), 1, _ROWS) for cell in row]
    marks = Counter(mark for cell in cells for mark, number in _DECIMAL.items() if number.fullmatch(cell))
    return CsvDialect(
        delimiter=delimiter, quote=quote, encoding=encoding, decimal="," if marks[","] > marks["."] else "."
    )


def _encoding(path: Path) -> str:
    """Return the encoding: told by a mark, else UTF-8 if all of the file is, else the likeliest of the usual ones."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8, foreign = True, b""
    with content_of(path) as content:
        piece = content.read(_HEAD_BYTES)
        if piece.startswith(_UTF_16):
            return "utf-16"
        while piece:
            # Only the lines with foreign letters tell encodings apart.
            if len(foreign) < _HEAD_BYTES and not piece.isascii():
                foreign += b"\n".join(line for line in piece.splitlines() if not line.isascii())
            try:
                is_utf8 = is_utf8 and decoder.decode(piece) is not None
            except UnicodeDecodeError:
                is_utf8 = False
            piece = content.read(_HEAD_BYTES)
    return "utf-8" if is_utf8 else _likeliest(foreign[:_HEAD_BYTES])


def _likeliest(text: bytes) -> str:
    from charset_normalizer import from_bytes  # noqa: PLC0415 - only a foreign encoding pays for it

    matches = list(from_bytes(text, cp_isolation=_ENCODINGS, preemptive_behaviour=False))
    likely = {name for match in matches if match.chaos == matches[0].chaos for name in match.could_be_from_charset}
    return next((name for name in _ENCODINGS if name in likely), "cp1252")


def _head_text(path: Path, encoding: str) -> str:
    with content_of(path) as content:
        head = content.read(_HEAD_BYTES)
    text = head.decode(encoding, "replace").removeprefix("\ufeff")
    # A line that the limit cut in two would look ragged.
    return text if len(head) < _HEAD_BYTES else text[: max(text.rfind("\n"), text.rfind("\r")) + 1 or None]


def _rows(text: str, delimiter: str, quote: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
    try:
        yield from (row for row in reader if row)
    except csv.Error:
        return


def _splits(text: str, delimiter: str, quote: str) -> bool:
    """Tell whether the first record has its quotes in order."""
    try:
        next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote, strict=True), [])
    except csv.Error:
        return False
    return True


def _quote(text: str) -> str:
    """Return the quotation mark that most often opens cells and closes them."""
    edges = {
        quote: min(
            len(re.findall(rf"(?m)(?:^|[,;\t|]){quote}", text)),
            len(re.findall(rf"(?m){quote}(?=[,;\t|]|\r?$)", text)),
        )
        for quote in _QUOTES
    }
    return max(_QUOTES, key=lambda quote: edges[quote])


def _delimiter(text: str, quote: str) -> str:
    """Return the delimiter that gives most rows as many fields as the header, and more than one."""

    def fit(delimiter: str) -> tuple[float, int]:
        rows = list(islice(_rows(text, delimiter, quote), _ROWS))
        n_fields = len(rows[0]) if rows else 0
        if n_fields <= 1:
            return 0.0, n_fields
        return sum(len(row) == n_fields for row in rows) / len(rows), n_fields

    return max(_DELIMITERS, key=fit)
