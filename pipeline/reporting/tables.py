"""The selection's tables, opened for reading column by column."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.tables import damage_explained
from schemas.base import Contract
from schemas.errors import RunDirectoryError


@contextlib.contextmanager
def open_table(path: Path, model: type[Contract]) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file with rows of a contract.

    Raises:
        RunDirectoryError: it is missing, damaged, or lacks a column.
    """
    with damage_explained(path), pq.ParquetFile(path) as file:
        if missing := [name for name in model.model_fields if name not in file.schema_arrow.names]:
            raise RunDirectoryError(
                f"{path}: lacks the column {missing[0]}", "move it away and run the same command again"
            )
        yield file
