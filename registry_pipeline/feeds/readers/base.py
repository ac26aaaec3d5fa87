"""What every reader gives."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import polars as pl

from registry_pipeline.errors import DeliveryRefusedError


@dataclass(frozen=True)
class Damage:
    """A record that cannot be split into fields."""

    line: int
    rule_id: str
    raw: str
    """Its text, for the quarantine only."""


@dataclass(frozen=True)
class RawBatch:
    """Some records of a part, in file order."""

    frame: pl.DataFrame
    """The part's columns as text without surrounding blanks, null where empty, and `feeds.mapping.LINE`."""
    damages: list[Damage] = field(default_factory=list)


@dataclass(frozen=True)
class Part:
    """A rectangle of records: a whole file, or one sheet of a workbook."""

    columns: tuple[str, ...]
    """Empty in a part that has no records, only the damage of which no other part can be told."""
    batches: Callable[[], Iterator[RawBatch]]
    sheet: str | None = None
    unread: tuple[str, ...] = ()
    """Columns that the file has and no part: nothing of them is taken, but the identifier guard looks at them too."""


def checked_header(names: list[str]) -> tuple[str, ...]:
    """Return the column names of a header.

    Raises:
        DeliveryRefusedError: If a name is missing or stands twice; by position, as a "name" may be a value.
    """
    stripped = [name.strip() for name in names]
    for position, name in enumerate(stripped, start=1):
        if stripped.index(name) + 1 < position:
            raise DeliveryRefusedError(
                "delivery.header",
                f"Columns {stripped.index(name) + 1} and {position} of the header have the same name.",
                remedy="Give every column its own name.",
                line=1,
            )
    return tuple(stripped)


def tidied(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the text columns without surrounding blanks, and null where nothing is left."""
    text = pl.col(pl.String).str.strip_chars()
    return frame.with_columns(pl.when(text != "").then(text))
