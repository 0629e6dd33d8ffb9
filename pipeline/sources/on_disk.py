"""What all sources have in common whose images can be read where they lie, in any order."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.progress import Progress
from schemas.image import ImageRef


class SourceOnDisk:
    """Base of the sources that are files on this machine."""

    is_stream = False

    def prepare(self, refs: Iterable[ImageRef], progress: Progress) -> None:
        """Nothing: every image can be read where it lies."""
