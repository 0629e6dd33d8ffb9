"""Rows of a contract in Parquet files: written in batches, whole or not at all, read as a stream."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from pipeline.files import atomic_writer
from schemas.base import Contract
from schemas.derived import arrow_schema
from schemas.errors import ImageNetThinkError, RunDirectoryError

Row = TypeVar("Row", bound=Contract)

BATCH_ROWS = 4096
"""Rows held in memory while writing or reading."""


def to_table(rows: Iterable[Contract], model: type[Contract]) -> pa.Table:
    """Turn rows of one contract into an Arrow table of its schema."""
    return pa.Table.from_pylist([row.model_dump() for row in rows], schema=arrow_schema(model))


def write_rows(path: Path, rows: Iterable[Contract], model: type[Contract]) -> int:
    """Write rows to a new Parquet file, in constant memory.

    Returns:
        The number of rows.
    """
    with TableWriter(path, model) as writer:
        for row in rows:
            writer.add(row)
        return writer.rows


def read_rows(path: Path, model: type[Row]) -> Iterator[Row]:
    """Yield a Parquet file's rows as contracts, in constant memory.

    Raises:
        RunDirectoryError: the file is missing, damaged, or holds other rows.
    """
    with damage_explained(path), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH_ROWS):
            # lax: Arrow gives lists and strings where the contract has tuples and enums
            yield from [model.model_validate(row, strict=False) for row in batch.to_pylist(maps_as_pydicts="strict")]


def read_columns(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Read a Parquet file, or some of its columns, and nothing out of the names of its folders.

    Raises:
        RunDirectoryError: the file is missing or damaged.
    """
    with damage_explained(path), pq.ParquetFile(path) as file:
        return file.read(columns)


@contextlib.contextmanager
def damage_explained(
    path: Path,
    kind: type[ImageNetThinkError] = RunDirectoryError,
    remedy: str = "move it away and run the same command again",
) -> Iterator[None]:
    """Turn what a library says of a damaged file of ours into one line with the remedy."""
    try:
        yield
    except (OSError, pa.ArrowException, UnicodeDecodeError, ValidationError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.ENOENT):
            raise  # the disk's or the system's; Arrow's own complaints about bytes are an OSError without a number
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise kind(f"{path}: missing or damaged ({said})", remedy) from error


class TableWriter:
    """Writes rows of one contract to one Parquet file that appears when the block ends without an error.

    Args:
        path: the file.
        model: what its rows are.
        batch_rows: of a row group, and held in memory.
        schema: that of the contract when left out; another one must hold its rows.
    """

    def __init__(
        self,
        path: Path,
        model: type[Contract],
        batch_rows: int = BATCH_ROWS,
        schema: pa.Schema | None = None,
    ) -> None:
        self.rows = 0
        self._model = model
        self._batch_rows = batch_rows
        self._schema = schema if schema is not None else arrow_schema(model)
        self._buffer: list[Contract] = []
        self._target = atomic_writer(path)
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self._file = self._target.__enter__()
        self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")
        return self

    def add(self, row: Contract) -> None:
        """Append one row."""
        self._buffer.append(row)
        self.rows += 1
        if len(self._buffer) >= self._batch_rows:
            self._flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # closed after an error too: Arrow would do so later, on a file that is closed by then
            with contextlib.closing(self._writer):
                if error is None:
                    self._flush()
        except BaseException as failure:
            self._target.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._target.__exit__(kind, error, trace)

    def _flush(self) -> None:
        if self._buffer:
            self._writer.write_table(to_table(self._buffer, self._model).cast(self._schema))
            self._buffer.clear()
