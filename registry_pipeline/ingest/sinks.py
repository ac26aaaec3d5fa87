"""Parquet files that grow batch by batch in a private folder and move into place when their delivery commits."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from registry_pipeline.lake.atomic import replacing, storage_errors

_SAME_IN_EVERY_ROW = {"clinic_id", "delivery_id"}
_WORTH_A_THREAD = 10_000
"""Rows from which on encoding takes longer than handing the batch to another thread."""


class ParquetSink:
    """One Parquet file in the making. Each batch is encoded in a thread of its own while the next one is judged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_rows = 0
        self._writer: pq.ParquetWriter | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._pending: Future[None] | None = None

    def write(self, frame: pl.DataFrame) -> None:
        """Append a batch.

        Raises:
            StorageError: If the disk is full; of this batch or the one before.
        """
        if frame.is_empty():
            return
        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        with storage_errors(self.path):
            self._wait()
            writer = self._open(table.schema)
            if frame.height < _WORTH_A_THREAD:
                writer.write_table(table)
            else:
                self._pool = self._pool or ThreadPoolExecutor(max_workers=1)
                self._pending = self._pool.submit(writer.write_table, table)
        self.n_rows += frame.height

    def _open(self, schema: pa.Schema) -> pq.ParquetWriter:
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # A dictionary of values that never repeat costs time and saves nothing.
            repeats = [name for name in schema.names if not name.endswith("_id") or name in _SAME_IN_EVERY_ROW]
            self._writer = pq.ParquetWriter(
                self.path, schema, compression="zstd", compression_level=1, use_dictionary=repeats
            )
        return self._writer

    def _wait(self) -> None:
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.result()

    def close(self) -> None:
        """Finish the file; a sink that got no rows leaves none.

        Raises:
            StorageError: If the disk is full.
        """
        try:
            with storage_errors(self.path):
                self._wait()
                if self._writer is not None:
                    self._writer.close()
        finally:
            self._writer = None
            if self._pool is not None:
                self._pool.shutdown()
                self._pool = None

    def move_to(self, final: Path) -> None:
        """Put the finished file in its place in the home, or make sure that none is there."""
        if self.n_rows == 0:
            final.unlink(missing_ok=True)
            return
        with replacing(final) as temporary:
            self.path.replace(temporary)
