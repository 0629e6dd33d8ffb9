"""A finished index: its files, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, ValidationError

from schemas.base import Contract
from schemas.errors import RunDirectoryError
from schemas.rejection import RejectReason

IMAGES = "index.parquet"
"""Rows of ``IndexedImage`` in the source's order."""
REJECTIONS = "rejections.parquet"
"""Rows of ``Rejection``: what scans rejected, in the source's order, then ids met a second time, likewise."""
SUMMARY = "index.json"
"""Written last: an index without it was not finished, and is gone on with."""
PARTS = "parts"
"""Folder of the parts that the index is merged from."""


class IndexSummary(Contract):
    """What the scan of a source came to: entries = images + companions + rejected."""

    form: str
    place: str
    """The source's path or address when it was indexed."""
    containers: int = Field(ge=0)
    entries: int = Field(ge=0)
    images: int = Field(ge=0)
    companions: int = Field(ge=0)
    """Sidecars that belong to images."""
    rejected: dict[RejectReason, int]
    examples: dict[RejectReason, str]
    """Detail of the first rejection of each reason."""
    bytes: int = Field(ge=0)
    """Of the images."""
    known_dimensions: int = Field(ge=0)
    """Images whose width and height are known."""
    of_224: int = Field(ge=0)
    """Of these, images of exactly 224 by 224 pixels."""
    resized: bool
    """The collection looks like ``imagenet21k_resized``: see ``pipeline.sources.index.resized``."""


def load_summary(out_dir: Path) -> IndexSummary | None:
    """The summary of a finished index, or ``None`` where there is none (yet).

    Raises:
        RunDirectoryError: the file is there and is no summary.
    """
    path = out_dir / SUMMARY
    if not all((out_dir / name).exists() for name in (SUMMARY, IMAGES, REJECTIONS)):
        return None
    try:
        # lax: the keys of JSON objects are text
        return IndexSummary.model_validate_json(path.read_bytes(), strict=False)
    except ValidationError as error:
        raise RunDirectoryError(f"{path} is not the summary of an index", "delete it to index again") from error


def read_index(out_dir: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The images of a finished index: the fields of ``IndexedImage``, or some of them, in the source's order.

    Raises:
        RunDirectoryError: there is no readable index.
    """
    try:
        with pq.ParquetFile(out_dir / IMAGES) as file:
            return file.read(None if columns is None else list(columns))
    except (OSError, pa.ArrowException) as error:
        raise RunDirectoryError(
            f"{out_dir / IMAGES} cannot be read ({error})", f"delete {out_dir / SUMMARY} to index again"
        ) from error
