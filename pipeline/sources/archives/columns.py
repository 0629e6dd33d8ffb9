"""Index rows as columns, without an object for each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.sources.archives.names import Found
from pipeline.sources.probe import Header
from pipeline.tables import to_table
from schemas.derived import arrow_schema
from schemas.image import IndexedImage

SCHEMA = arrow_schema(IndexedImage)

Numbers = npt.NDArray[np.int64]


def image_table(
    found: Found, containers: pa.Array, offsets: Numbers, sizes: Numbers, headers: Sequence[Header | None]
) -> pa.Table:
    """Make the table of the images that were found among some names.

    Args:
        found: the names.
        containers: of the images, one each.
        offsets: of the images, in bytes.
        sizes: likewise.
        headers: of the images; empty when nobody looked.
    """
    count = len(found.image_ids)
    facts: list[pa.Array]
    if headers:
        formats, widths, heights = zip(*(header or (None, None, None) for header in headers), strict=True)
        facts = [pa.array(widths, pa.int64()), pa.array(heights, pa.int64()), pa.array(formats, pa.string())]
    else:
        facts = [pa.nulls(count, pa.int64()), pa.nulls(count, pa.int64()), pa.nulls(count, pa.string())]
    columns = [found.image_ids, found.wnids, containers, pa.array(offsets), pa.array(sizes), *facts]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def in_order(images: pa.Table, rows: Numbers, others: dict[int, IndexedImage]) -> tuple[pa.Table, Numbers]:
    """Put single images among the others, all by their numbers.

    Returns:
        The table and the numbers of its rows, ascending.
    """
    if not others:
        return images, rows
    every = np.concatenate([rows, np.fromiter(others, dtype=np.int64, count=len(others))])
    order = np.argsort(every)
    table = pa.concat_tables([images, to_table(others.values(), IndexedImage)])
    return table.take(pa.array(order)), every[order]
