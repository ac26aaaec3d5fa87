"""Line-based text in bounded blocks, and what the CSV and NDJSON readers share.

A line ends in a line feed, a carriage return, or both, as editors count; nothing else ends one, whatever Unicode says.
"""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from registry_pipeline.errors import DeliveryRefusedError

REPLACEMENT = "\ufffd".encode()
"""What stands for bytes that are not in the feed's encoding; a line that has it is damaged."""

LONE_RETURN = b"\xff\n"
"""Stands for a carriage return without line feed. No UTF-8 has this byte, so a quoted cell can have its return back."""

_MAX_RAW = 10_000
_MAX_LINE_BYTES = 64 << 20
"""No table has a line this long; without a limit, one file could take all memory."""


def raw_text(line: bytes) -> str:
    """Return a damaged line as the quarantine keeps it."""
    return line.rstrip(b"\r\n\xff")[:_MAX_RAW].decode("utf-8", "replace")


def count_octet(text: bytes, octet: int) -> int:
    """Return how often an octet occurs; for a frequent one, several times faster than `bytes.count`."""
    return int(np.count_nonzero(np.frombuffer(text, dtype=np.uint8) == octet))


def utf8_chunks(path: Path, encoding: str, size: int) -> Iterator[bytes]:
    """Yield the file as UTF-8 in chunks of about `size` bytes; what does not decode becomes U+FFFD.

    Raises:
        DeliveryRefusedError: If the file cannot be opened, or its encoding is none or needs a mark that it lacks.
    """
    try:
        "".encode(encoding)
        with path.open("rb") as handle:
            yield from _reencoded(handle, codecs.lookup(encoding).name, size)
    except PermissionError as error:
        raise _refusal("The file may not be read.", "Give the registry permission to read it.") from error
    except LookupError as error:
        raise _refusal("The feed names an encoding that does not exist.", "Mend `encoding` in the feed.") from error
    except UnicodeError as error:
        raise _refusal(
            "The file is not in the encoding that the feed names, or lacks its byte-order mark.",
            "Send the file in that encoding, or change `encoding` in the feed.",
        ) from error


def _refusal(message: str, remedy: str) -> DeliveryRefusedError:
    return DeliveryRefusedError("delivery.unreadable", message, remedy=remedy)


def _reencoded(handle: IO[bytes], encoding: str, size: int) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    is_utf8 = encoding == "utf-8"
    while chunk := handle.read(size):
        # ASCII is UTF-8 already, and nearly everything is ASCII: spare it the round trip.
        if is_utf8 and chunk.isascii() and decoder.getstate()[0] == b"":
            yield chunk
        else:
            yield decoder.decode(chunk).encode()
    if tail := decoder.decode(b"", final=True):
        yield tail.encode()


def blocks(chunks: Iterator[bytes], lone_return: bytes = b"\n") -> Iterator[bytes]:
    """Yield blocks of whole lines, each ending in a newline; a byte-order mark is dropped.

    Args:
        chunks: UTF-8 text.
        lone_return: What a carriage return without line feed becomes: a newline, or `LONE_RETURN`.

    Raises:
        DeliveryRefusedError: If a line is longer than any table's.
    """
    rest = b""
    for text in _with_one_line_end(_without_mark(chunks), lone_return):
        cut = text.rfind(b"\n") + 1
        if cut:
            yield rest + text[:cut]
            rest = text[cut:]
        else:
            rest += text
        if len(rest) > _MAX_LINE_BYTES:
            raise _refusal(
                f"The file has a line of more than {_MAX_LINE_BYTES >> 20} MiB.",
                "Send a text file with one record per line.",
            )
    if rest:
        yield rest + b"\n"


def _without_mark(chunks: Iterator[bytes]) -> Iterator[bytes]:
    start = b""
    for chunk in chunks:
        start += chunk
        if len(start) >= len(codecs.BOM_UTF8):
            break
    yield start.removeprefix(codecs.BOM_UTF8)
    yield from chunks


def _with_one_line_end(chunks: Iterator[bytes], lone_return: bytes) -> Iterator[bytes]:
    held = b""
    for chunk in chunks:
        text, held = held + chunk, b""
        if b"\r" in text:
            if text.endswith(b"\r"):
                text, held = text[:-1], b"\r"  # the next chunk may begin with its line feed
            if _has_lone_return(text):
                text = re.sub(rb"\r(?!\n)", lone_return, text)
        yield text
    if held:
        yield lone_return


def _has_lone_return(text: bytes) -> bool:
    if text.endswith(b"\r"):
        return True
    octets = np.frombuffer(text, dtype=np.uint8)
    returns = np.flatnonzero(octets == ord("\r"))
    return bool((octets[returns + 1] != ord("\n")).any())
