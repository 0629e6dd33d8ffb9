"""The pictures that a model is asked about, read as often as they are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.tables import read_rows
from schemas.image import ImageRef, SelectedImage


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
    """

    path: Path

    def __iter__(self) -> Iterator[AskedImage]:
        """Read the file.

        Raises:
            RunDirectoryError: it is missing or damaged.
        """
        return (AskedImage(row.ref, row.facts.sha256) for row in read_rows(self.path, SelectedImage))
