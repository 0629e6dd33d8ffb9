"""The index of a collection as large as ImageNet-21k, without the collection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.taxonomy import load_taxonomy
from schemas.derived import arrow_schema
from schemas.image import IndexedImage

_ROWS = 131_072
"""Of a row group, as the index stage writes them."""

_LARGEST = 3047
"""Images of the largest class of ImageNet-21k; a few hundred classes come close to it."""
_SPREAD = 1.2
"""Standard deviation of the logarithm of the classes' sizes: some thousands have a few dozen, as in the release."""
_MEAN = 50
"""Images of a class that there must be on average; of small collections, classes are left out."""


def write_index(path: Path, rows: int) -> int:
    """Write a Parquet file like the index stage's, with all classes of the fall 2011 release; the same one every time.

    Returns:
        The number of rows; a few more or less than asked for, since sizes are rounded.
    """
    taxonomy = load_taxonomy()
    wnids = [wnid for wnid in taxonomy if "fall11" in taxonomy[wnid].releases]
    wnids = wnids[:: max(1, _MEAN * len(wnids) // rows)]
    sizes = _draw_sizes(len(wnids), rows)
    schema = arrow_schema(IndexedImage)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in _make_batches(pa.array(wnids), sizes):
            writer.write_table(batch.select(schema.names).cast(schema), row_group_size=_ROWS)
    return int(sizes.sum())


def _draw_sizes(classes: int, rows: int) -> npt.NDArray[np.int64]:
    """Sizes that look like the release's: many middling, a long tail of small ones, none beyond the largest."""
    weights = np.exp(np.random.default_rng(0).normal(0.0, _SPREAD, classes))
    scale = rows / weights.sum()
    for _ in range(32):  # what the largest lose goes to the others
        sizes = (weights * scale).clip(1, _LARGEST)
        scale *= rows / sizes.sum()
    return np.diff(np.round(np.cumsum(sizes)), prepend=0).astype(np.int64)


def _make_batches(wnids: pa.StringArray, sizes: npt.NDArray[np.int64]) -> Iterator[pa.Table]:
    """Rows by class, as class tars give them; numbers have gaps, as ImageNet's have."""
    ends = np.cumsum(sizes)
    for start in range(0, int(ends[-1]), _ROWS):
        rows = np.arange(start, min(start + _ROWS, int(ends[-1])))
        class_of = np.searchsorted(ends, rows, side="right")
        within = rows - (ends - sizes)[class_of]
        wnid = wnids.take(pa.array(class_of))
        bytes_of = 40_000 + rows * 7919 % 96_000
        columns = {
            "image_id": pc.binary_join_element_wise(wnid, pa.array(3 * within + 1).cast(pa.string()), "_"),
            "wnid": wnid,
            "container": pc.binary_join_element_wise(wnid, "tar", "."),
            "offset": pa.array(within * 140_800 + 512),
            "size": pa.array(bytes_of),
            "width": pa.array(np.full(len(rows), 500)),
            "height": pa.array(np.full(len(rows), 375)),
            "format": pa.array(["JPEG"] * len(rows)),
        }
        yield pa.table(columns)
