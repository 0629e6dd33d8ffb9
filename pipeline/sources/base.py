"""The seam behind which every form of ImageNet-21k lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from schemas.image import ImageRef
from schemas.rejection import Rejection


class Source(Protocol):
    """One user's copy of ImageNet-21k.

    The same collection gives the same image ids in every form. Sources are cheap to pickle: worker processes get
    their own copy and open files when they first read.
    """

    @property
    def form(self) -> str:
        """Name of the form, as in the configuration."""

    def scan(self) -> Iterator[ImageRef | Rejection]:
        """Every entry once, in an order that does not depend on the file system.

        Yields:
            A reference for each image, a rejection with its reason for anything else. Two entries may claim one id;
            the index keeps the first.

        Raises:
            SourceError: the source as a whole cannot be read.
        """

    def read(self, ref: ImageRef) -> bytes:
        """The bytes of one image.

        Raises:
            SourceError: the file is gone, unreadable, or shorter than the reference says.
        """

    def file_of(self, ref: ImageRef) -> Path | None:
        """The file that holds one image's bytes and no others; ``None`` for a member of an archive."""
