"""The rows that passed, on disk by bucket of patients until their bucket's turn comes."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl
import pyarrow as pa


class KeptRows:
    """One Arrow stream for each table and bucket, appended to while the tables are read.

    A context manager: rows are added inside, and read once it is left. Rows have an integer
    `bucket`; those of one table have the same columns.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writers: dict[tuple[str, int], pa.ipc.RecordBatchStreamWriter] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def add(self, table: str, rows: pl.DataFrame) -> None:
        """Append rows to the streams of their buckets."""
        for (bucket,), group in rows.partition_by(
            "bucket", as_dict=True, include_key=False
        ).items():
            arrow = group.to_arrow(compat_level=pl.CompatLevel.oldest())
            self._writer(table, bucket, arrow.schema).write_table(arrow)

    def _writer(self, table: str, bucket: int, schema: pa.Schema) -> pa.ipc.RecordBatchStreamWriter:
        if (table, bucket) not in self._writers:
            path = self._path(table, bucket)
            path.parent.mkdir(parents=True, exist_ok=True)
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            writer = pa.ipc.new_stream(str(path), schema, options=options)
            self._writers[table, bucket] = self._open.enter_context(writer)
        return self._writers[table, bucket]

    def read_bucket(self, bucket: int) -> Iterator[tuple[str, pa.Table]]:
        """Each table that has rows in the bucket, with those rows."""
        for table, here in self._writers:
            if here == bucket:
                with pa.ipc.open_stream(str(self._path(table, bucket))) as stream:
                    yield table, stream.read_all()

    def _path(self, table: str, bucket: int) -> Path:
        return self.folder / table / f"{bucket}.arrows"
