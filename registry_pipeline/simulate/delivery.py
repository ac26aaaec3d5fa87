"""A clinic's deliveries: which files its feed asks for, opened, filled chunk by chunk and closed together."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from registry_pipeline.contracts.model import TableContract
from registry_pipeline.feeds.model import Feed, FileFeed
from registry_pipeline.lake.atomic import replacing
from registry_pipeline.simulate.arrays import PATIENT_NO
from registry_pipeline.simulate.defects import Defect
from registry_pipeline.simulate.shapes.columnar import ParquetWriter
from registry_pipeline.simulate.shapes.delimited import DelimitedWriter
from registry_pipeline.simulate.shapes.json_lines import JsonLinesWriter
from registry_pipeline.simulate.shapes.source import DEFECT, column_types, sheet_frame, source_frame
from registry_pipeline.simulate.shapes.workbook import WorkbookWriter
from registry_pipeline.simulate.shapes.writer import Writer

_ONLY = "0001"
_NIGHTS = 3
_LATE = "late_0002"
"""Night 2's file of corrected assessments, sent again after night 3 by mistake: its sequence says it is older."""
_CORRECTED = "outcome_assessment"
_EVERY = 40
"""One in so many assessments of the first two nights is corrected on the third."""
_UNCLAIMED = "telephone_note_arm_1"


class Deliveries:
    """The files of one clinic, below its landing folder; a context manager, at whose end they are all in place.

    Args:
        folder: The clinic's landing folder.
        feed: The clinic's feed, which says how it delivers.
        contracts: By table.
    """

    def __init__(self, folder: Path, feed: Feed, contracts: dict[str, TableContract]) -> None:
        self._folder = folder
        self._feed = feed
        self._contracts = contracts
        self._stack = ExitStack()
        self._writers: dict[str, Writer | WorkbookWriter] = {}
        self._damages: dict[int, str] = {}
        self.n_corrected = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if error is None:
                for writer in self._writers.values():
                    writer.close()
            else:
                raise error

    def add(self, tables: dict[str, pl.DataFrame], defects: Sequence[Defect]) -> None:
        """Take a chunk of the clinic's rows, all text, with helper columns."""
        self._damages.update({defect.number: defect.kind.damage for defect in defects if defect.kind.damage})
        for entry in self._feed.files:
            for label, part in self._parts(entry, tables):
                self._write(entry, entry.pattern.replace("*", label), part)

    def places(self) -> dict[int, tuple[str, int]]:
        """Return file and line by number of the defect."""
        return {defect: (name, line) for name, writer in self._writers.items() for defect, line in writer.lines.items()}

    def _parts(self, entry: FileFeed, tables: dict[str, pl.DataFrame]) -> Iterator[tuple[str, dict[str, pl.DataFrame]]]:
        wanted = {mapping.table: tables[mapping.table] for mapping in entry.tables}
        if entry.mode == "snapshot":
            yield _ONLY, wanted
            return
        for night in range(1, _NIGHTS + 1):
            yield f"{night:04d}", {name: self._of_night(name, frame, night) for name, frame in wanted.items()}
        if _CORRECTED in wanted:
            early = wanted[_CORRECTED].filter(_is_of_night(1) & _is_corrected(wanted[_CORRECTED]))
            yield _LATE, {_CORRECTED: early.select(_spoiled(early))}

    def _of_night(self, name: str, frame: pl.DataFrame, night: int) -> pl.DataFrame:
        """Return what one night brings: its patients' rows, and on the last night the corrections too."""
        own = frame.filter(_is_of_night(night))
        if name != _CORRECTED:
            return own
        corrected = frame.filter(_is_corrected(frame) & ~_is_of_night(_NIGHTS))
        if night == _NIGHTS:
            self.n_corrected += corrected.height
            return pl.concat([own, corrected])
        is_wrong = _is_corrected(frame).filter(frame.select(_is_of_night(night)).to_series())
        return own.select(_spoiled(own, is_wrong))

    def _write(self, entry: FileFeed, name: str, tables: dict[str, pl.DataFrame]) -> None:
        if entry.format == "excel":
            self._write_workbook(entry, name, tables)
            return
        frame = source_frame(entry, tables, self._contracts)
        if frame.is_empty():
            return
        if "unmapped" in self._damages.values():
            frame = self._unclaimed(entry, frame)
        writer = self._writers.get(name)
        if writer is None:
            writer = self._writers[name] = self._open(entry, name)
        if not isinstance(writer, WorkbookWriter):
            writer.write(frame)

    def _unclaimed(self, entry: FileFeed, frame: pl.DataFrame) -> pl.DataFrame:
        numbers = [number for number, damage in self._damages.items() if damage == "unmapped"]
        names = {name for mapping in entry.tables for name in mapping.where}
        is_unclaimed = pl.col(DEFECT).is_in(numbers).fill_null(value=False)
        return frame.with_columns(
            pl.when(is_unclaimed).then(pl.lit(_UNCLAIMED)).otherwise(pl.col(name)).alias(name) for name in sorted(names)
        )

    def _write_workbook(self, entry: FileFeed, name: str, tables: dict[str, pl.DataFrame]) -> None:
        writer = self._writers.get(name)
        if writer is None:
            path = self._stack.enter_context(replacing(self._folder / name))
            writer = self._writers[name] = WorkbookWriter(path, entry.ignore_sheets)
        if isinstance(writer, WorkbookWriter):
            for mapping in entry.tables:
                contract = self._contracts[mapping.table]
                frame = sheet_frame(entry, mapping, tables[mapping.table], contract)
                own = entry.model_copy(update={"tables": [mapping]})
                writer.write_sheet(str(mapping.sheet), frame, column_types(own, self._contracts))

    def _open(self, entry: FileFeed, name: str) -> Writer:
        path = self._stack.enter_context(replacing(self._folder / name))
        types = column_types(entry, self._contracts)
        if entry.format == "parquet":
            return ParquetWriter(path, types)
        handle = self._stack.enter_context(path.open("wb"))
        if entry.format == "ndjson":
            return JsonLinesWriter(handle, types, self._damages)
        return DelimitedWriter(handle, entry.csv, self._damages)


def _is_of_night(night: int) -> pl.Expr:
    return pl.col(PATIENT_NO) % _NIGHTS == night - 1


def _is_corrected(frame: pl.DataFrame) -> pl.Series:
    """Return which good rows are first sent with a wrong score."""
    nth = pl.int_range(frame.height, eager=True) % _EVERY == 0
    return nth & frame[DEFECT].is_null()


def _spoiled(frame: pl.DataFrame, is_wrong: pl.Series | None = None) -> list[pl.Expr]:
    """Return the columns of assessments, with scores one point off where `is_wrong` (everywhere by default)."""
    total = pl.col("total").cast(pl.Decimal(6, 2), strict=False)
    other = pl.when(total >= 1).then(total - 1).otherwise(total + 1).cast(pl.Decimal(6, 2)).cast(pl.String)
    wrong = pl.lit(value=True) if is_wrong is None else pl.lit(is_wrong)
    changed = {"total": other, "items_sum": pl.lit(None, dtype=pl.String)}
    return [
        pl.when(wrong).then(changed[name]).otherwise(pl.col(name)).alias(name) if name in changed else pl.col(name)
        for name in frame.columns
    ]
