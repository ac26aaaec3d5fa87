"""Line-based text in bounded blocks, and what the CSV and NDJSON readers share."""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from registry_pipeline.errors import DeliveryRefusedError

REPLACEMENT = "\ufffd".encode()
"""What stands for bytes that are not in the feed's encoding; a line that has it is damaged."""

_MAX_RAW = 10_000


def raw_text(line: bytes) -> str:
    """Return a damaged line as the quarantine keeps it."""
    return line.rstrip(b"\r\n")[:_MAX_RAW].decode("utf-8", "replace")


def utf8_chunks(path: Path, encoding: str, size: int) -> Iterator[bytes]:
    """Yield the file as UTF-8 in chunks of about `size` bytes; what does not decode becomes U+FFFD.

    Raises:
        DeliveryRefusedError: If the file cannot be opened.
    """
    try:
        with path.open("rb") as handle:
            yield from _reencoded(handle, codecs.lookup(encoding).name, size)
    except PermissionError as error:
        raise DeliveryRefusedError(
            "delivery.unreadable", "The file may not be read.", remedy="Give the registry permission to read it."
        ) from error


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


def blocks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield blocks of whole lines, each ending in a newline; a byte-order mark is dropped."""
    rest = b""
    is_first = True
    for chunk in chunks:
        text = chunk.removeprefix(codecs.BOM_UTF8) if is_first else chunk
        is_first = False
        cut = text.rfind(b"\n") + 1
        if cut:
            yield rest + text[:cut]
            rest = text[cut:]
        else:
            rest += text
    if rest:
        yield rest + b"\n"
