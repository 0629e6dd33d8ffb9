"""The pictures that a model is asked about, read as often as they are wanted."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.tables import BATCH_ROWS, damage_explained
from schemas.image import ImageRef


@dataclass(frozen=True, slots=True)
class AskedImage:
    """A picture to ask about."""

    ref: ImageRef
    sha256: str
    """Which bytes must lie there, in hexadecimal."""


@dataclass(frozen=True, slots=True)
class SelectedImages:
    """Those of a build, in the order of the draw.

    Args:
        path: the selection's Parquet file; read anew by each iteration, so that it is never in memory.
        only: ids of the images to take; all of them when left out.
    """

    path: Path
    only: Collection[str] | None = None

    def __iter__(self) -> Iterator[AskedImage]:
        """Read the file.

        Raises:
            RunDirectoryError: it is missing or damaged.
        """
        wanted = None if self.only is None else pa.array(self.only, pa.string())
        for batch in self._batches(["ref", "facts.sha256"]):
            if wanted is not None:
                mask = pc.is_in(batch["ref"].field("image_id"), wanted)
                batch = batch.filter(mask)  # noqa: PLW2901 - the same rows, fewer of them
            for row in batch.to_pylist():
                yield _to_image(row)

    def ids(self) -> Iterator[str]:
        """The images' ids alone, which takes a fraction of the time.

        Raises:
            RunDirectoryError: see :meth:`__iter__`.
        """
        for batch in self._batches(["ref.image_id"]):
            yield from batch["ref"].field("image_id").to_pylist()

    def _batches(self, columns: list[str]) -> Iterator[Any]:
        with damage_explained(self.path), pq.ParquetFile(self.path) as file:
            yield from file.iter_batches(BATCH_ROWS, columns=columns)


def _to_image(row: dict[str, Any]) -> AskedImage:
    return AskedImage(ImageRef.model_validate(row["ref"]), row["facts"]["sha256"])
