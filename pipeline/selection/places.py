"""Rows of the index by their number: read group by group, so that only what was asked for is held."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.tables import damage_explained
from schemas.derived import arrow_schema
from schemas.image import ImageRef

REF_COLUMNS = list(ImageRef.model_fields)


def read_rows_at(index: Path, rows: npt.NDArray[np.uint32]) -> Iterator[pa.Table]:
    """Read the references at some rows of the index, which are given in ascending order.

    The index lists a source forwards, container by container, so this is also the order in which to read the images.

    Raises:
        RunDirectoryError: the index is missing or damaged.
    """
    with damage_explained(index), pq.ParquetFile(index) as file:
        begin = 0
        for group in range(file.num_row_groups):
            end = begin + file.metadata.row_group(group).num_rows
            inside = rows[slice(*np.searchsorted(rows, [begin, end]))]
            if len(inside):
                yield file.read_row_group(group, REF_COLUMNS).take(pa.array(inside - begin))
            begin = end


def take_rows(index: Path, rows: npt.NDArray[np.uint32]) -> pa.Table:
    """The references at some rows of the index, in the order given.

    Raises:
        RunDirectoryError: the index is missing or damaged.
    """
    order = np.argsort(rows)
    places = np.empty(len(rows), np.int64)
    places[order] = np.arange(len(rows))
    tables = [arrow_schema(ImageRef).empty_table(), *read_rows_at(index, rows[order])]
    return pa.concat_tables(tables).take(pa.array(places)).combine_chunks()


def iterate_refs(index: Path, rows: npt.NDArray[np.uint32]) -> Iterator[ImageRef]:
    """The references at some rows of the index, which are given in ascending order, one by one.

    Raises:
        RunDirectoryError: the index is missing or damaged.
    """
    for table in read_rows_at(index, rows):
        for batch in table.to_batches(max_chunksize=1024):
            yield from (ImageRef(**row) for row in batch.to_pylist())
