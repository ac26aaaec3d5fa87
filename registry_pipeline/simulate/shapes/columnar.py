"""Parquet with typed columns, written at the end in one go."""

from pathlib import Path

import polars as pl

from registry_pipeline.simulate.shapes.typed import typed
from registry_pipeline.simulate.shapes.writer import note_lines, visible


class ParquetWriter:
    """Writes a Parquet file; a line is a row, counted from 1.

    Args:
        path: Where to write.
        types: Physical type by source column.
    """

    def __init__(self, path: Path, types: dict[str, str]) -> None:
        self.lines: dict[int, int] = {}
        self._path = path
        self._types = types
        self._frames: list[pl.DataFrame] = []
        self._next_line = 1

    def write(self, frame: pl.DataFrame) -> None:
        """Take more rows."""
        note_lines(self.lines, frame, self._next_line)
        self._next_line += frame.height
        self._frames.append(typed(visible(frame), self._types))

    def close(self) -> None:
        """Write the file."""
        pl.concat(self._frames).write_parquet(self._path, compression="zstd", statistics=True)
