"""A look at a file whose feed does not exist yet: its form, its columns, and which words stand in them.

Words stay inside `infer`; only members of closed lists of ours are ever written.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from registry_pipeline.errors import DeliveryRefusedError, FeedError
from registry_pipeline.feeds.mapping import LINE
from registry_pipeline.feeds.model import CsvDialect, FileFeed, TableMapping
from registry_pipeline.feeds.readers import Part, open_parts
from registry_pipeline.feeds.readers.sniff import sniff_csv, sniff_format

_ROWS = 50_000
_BATCH_BYTES = 4 << 20
_EMPTY_WORDS = (
    "NA",
    "N/A",
    "n/a",
    "NULL",
    "null",
    "None",
    "NaN",
    "nan",
    "k.A.",
    "k. A.",
    "s/o",
    ".",
    "-",
    "#N/A",
)
"""Words that systems write for an empty cell."""
_NUMBER = r"^[+-]?\d+([.,]\d+)?$"


@dataclass(frozen=True)
class SourceColumn:
    """One column of a file, seen through a sample of its rows."""

    name: str
    cells: pl.Series
    """The filled ones."""

    @cached_property
    def words(self) -> list[str]:
        """Return the distinct cells, sorted."""
        return [str(word) for word in self.cells.unique().sort().to_list()]

    @cached_property
    def numeric_share(self) -> float:
        """Return which part of the distinct cells are numbers, in [0, 1]; 0 for an empty column."""
        distinct = self.cells.unique()
        return int(distinct.str.contains(_NUMBER).sum()) / len(distinct) if len(distinct) else 0.0


@dataclass(frozen=True)
class Sample:
    """A sample of one part of a file."""

    sheet: str | None
    frame: pl.DataFrame

    def columns(self) -> list[SourceColumn]:
        """Return the columns in the file's order."""
        return [SourceColumn(name, self.frame[name].drop_nulls()) for name in self.frame.columns]


@dataclass(frozen=True)
class Look:
    """What a file looks like."""

    file: Path
    entry: FileFeed
    """Its form: format, dialect, words for empty. The tables in it are not known yet."""
    samples: list[Sample]


def look_at(file: Path, scratch: Path) -> Look:
    """Read a sample of a file in the form that it seems to have.

    Raises:
        FeedError: If it cannot be read; without a word of its content.
    """
    try:
        entry = _form(file)
        samples = [Sample(part.sheet, _head(part)) for part in open_parts(file, entry, _BATCH_BYTES, scratch)]
    except DeliveryRefusedError as error:
        raise FeedError(error.message, remedy=error.remedy, file=file) from None
    null_values = sorted({word for sample in samples for word in _empty_words(sample.frame)})
    if null_values:
        entry = entry.model_copy(update={"null_values": null_values})
        samples = [Sample(sample.sheet, _without(sample.frame, null_values)) for sample in samples]
    return Look(file, entry, samples)


def _form(file: Path) -> FileFeed:
    file_format = sniff_format(file)
    if file_format == "fhir":
        raise FeedError(
            "A feed for FHIR resources cannot be drafted.", remedy="Start from docs/how-to/fhir.md.", file=file
        )
    # Without the project's dictionary a REDCap export is a delimited file.
    file_format = "csv" if file_format == "redcap" else file_format
    sheets = _sheets(file) if file_format == "excel" else [None]
    return FileFeed(
        pattern="*",
        format=file_format,
        mode="snapshot",
        csv=sniff_csv(file) if file_format == "csv" else CsvDialect(),
        # Which table it is of does not matter to a reader.
        tables=[TableMapping(table="patient", sheet=sheet) for sheet in sheets],
    )


def _sheets(file: Path) -> list[str]:
    import fastexcel  # noqa: PLC0415 - only workbooks pay for it

    try:
        return list(fastexcel.read_excel(file).sheet_names)
    except fastexcel.FastExcelError as error:
        raise FeedError(
            "The workbook cannot be read.", remedy="Save it again as .xlsx, without a password.", file=file
        ) from error


def _head(part: Part) -> pl.DataFrame:
    frames: list[pl.DataFrame] = [pl.DataFrame(schema=dict.fromkeys(part.columns, pl.String))]
    n_rows = 0
    for batch in part.batches():
        frames.append(batch.frame.drop(LINE))
        n_rows += batch.frame.height
        if n_rows >= _ROWS:
            break
    return pl.concat(frames)


def _empty_words(frame: pl.DataFrame) -> Iterator[str]:
    for name in frame.columns:
        found = frame[name].unique()
        yield from found.filter(found.is_in(_EMPTY_WORDS)).to_list()


def _without(frame: pl.DataFrame, null_values: list[str]) -> pl.DataFrame:
    return frame.with_columns(pl.when(~pl.all().is_in(null_values)).then(pl.all()))
