"""Parquet files that grow batch by batch in a private folder and move into place when their delivery commits."""

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from registry_pipeline.lake.atomic import replacing, storage_errors


class ParquetSink:
    """One Parquet file in the making."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_rows = 0
        self._writer: pq.ParquetWriter | None = None

    def write(self, frame: pl.DataFrame) -> None:
        """Append a batch.

        Raises:
            StorageError: If the disk is full.
        """
        if frame.is_empty():
            return
        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        with storage_errors(self.path):
            if self._writer is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._writer = pq.ParquetWriter(self.path, table.schema, compression="zstd", compression_level=1)
            self._writer.write_table(table)
        self.n_rows += frame.height

    def close(self) -> None:
        """Finish the file; a sink that got no rows leaves none."""
        if self._writer is not None:
            with storage_errors(self.path):
                self._writer.close()
            self._writer = None

    def move_to(self, final: Path) -> None:
        """Put the finished file in its place in the home, or make sure that none is there."""
        if self.n_rows == 0:
            final.unlink(missing_ok=True)
            return
        with replacing(final) as temporary:
            self.path.replace(temporary)
