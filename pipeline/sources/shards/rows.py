"""Rows of the index, before they are a table."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from schemas.derived import arrow_schema
from schemas.image import ImageRef, IndexedImage

BATCH_SECONDS = 5.0
"""Seconds of reading after which a batch ends: what an interruption costs, on media however slow."""

Row = tuple[str, str, str, int, int, int | None, int | None, str | None]
"""The fields of an ``IndexedImage``: models of their own would take most of the time."""

Offer = Callable[[ImageRef, bytes], None]
"""Takes the bytes of an image that passes by."""


def rows_to_table(rows: list[Row]) -> pa.Table:
    """The table of a batch."""
    schema = arrow_schema(IndexedImage)
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.table([pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=True)], schema)


def refer(image_id: str, wnid: str, container: str, offset: int, size: int) -> ImageRef:
    """The reference that is the beginning of a row."""
    return ImageRef(image_id=image_id, wnid=wnid, container=container, offset=offset, size=size)
