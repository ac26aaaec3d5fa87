"""Writes tiny SAS transport files (version 5), byte by byte as SAS's TS-140 describes them, for the reader's tests."""

import math
from collections.abc import Sequence

_CARD = 80
_LIBRARY = "HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!000000000000000000000000000000  "
_MEMBER = "HEADER RECORD*******MEMBER  HEADER RECORD!!!!!!!000000000000000001600000000140  "
_DESCRIPTOR = "HEADER RECORD*******DSCRPTR HEADER RECORD!!!!!!!000000000000000000000000000000  "
_NAMES = "HEADER RECORD*******NAMESTR HEADER RECORD!!!!!!!000000{:04d}00000000000000000000  "
_RECORDS = "HEADER RECORD*******OBS     HEADER RECORD!!!!!!!000000000000000000000000000000  "
_STAMP = "01JAN26:00:00:00"
Column = tuple[str, int, str]
"""Name, width (0 for a number), and SAS format."""


def ibm(number: float | str) -> bytes:
    """Return a double as IBM's hexadecimal one, or a missing value (".", "A" to "Z", "_")."""
    if isinstance(number, str):
        return number.encode() + bytes(7)
    if number == 0:
        return bytes(8)
    fraction, exponent = math.frexp(abs(number))
    power = -(-exponent // 4)
    mantissa = int(math.ldexp(fraction, exponent - 4 * power + 56))
    return bytes([(128 if number < 0 else 0) | (power + 64)]) + mantissa.to_bytes(7, "big")


def _name_card(column: Column, number: int, position: int) -> bytes:
    name, width, sas_format = column
    kind, length = (2, width) if width else (1, 8)
    head = b"".join(part.to_bytes(2, "big") for part in (kind, 0, length, number))
    label = f"The {name.lower()} of the record"
    text = f"{name:<8}{label:<40}{sas_format:<8}".encode()
    return (head + text + bytes(8) + b" " * 8 + bytes(4) + position.to_bytes(4, "big")).ljust(140, b"\0")


def _filled(body: bytes) -> bytes:
    return body + b" " * (-len(body) % _CARD)


def member(columns: Sequence[Column], rows: Sequence[Sequence[float | str | bytes]]) -> bytes:
    """Return one data set."""
    title = f"{'SAS':<8}{'DATA':<8}{'SASDATA':<8}{'9.4':<8}{'Linux':<8}{'':24}{_STAMP}"
    cards = b""
    position = 0
    for number, column in enumerate(columns, start=1):
        cards += _name_card(column, number, position)
        position += column[1] or 8
    body = b""
    for row in rows:
        for (_, width, _), value in zip(columns, row, strict=True):
            text = value.encode() if isinstance(value, str) else value
            body += text.ljust(width) if width and isinstance(text, bytes) else ibm(value)  # type: ignore[arg-type]
    head = (_MEMBER, _DESCRIPTOR, title, f"{_STAMP:<80}", _NAMES.format(len(columns)))
    return "".join(head).encode() + _filled(cards) + _RECORDS.encode() + _filled(body)


def transport(*members: bytes) -> bytes:
    """Return a transport file with its data sets."""
    title = f"{'SAS':<8}{'SAS':<8}{'SASLIB':<8}{'9.4':<8}{'Linux':<8}{'':24}{_STAMP}"
    return "".join((_LIBRARY, title, f"{_STAMP:<80}")).encode() + b"".join(members)
