"""The seam behind which every form of ImageNet-21k lies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from pipeline.progress import Progress
from pipeline.tables import to_table
from schemas.image import ImageRef, IndexedImage
from schemas.rejection import Rejection

BATCH_ENTRIES = 65_536
"""Entries of a batch, at most: what a scan holds in memory."""


@dataclass(frozen=True, slots=True)
class Container:
    """A part of a source that is indexed by itself: an archive, or a stretch of a folder.

    Cheap to pickle: worker processes get it together with their source.
    """

    name: str
    """As references call it; POSIX form, relative to the source's root."""
    start: int
    end: int
    """Half-open range inside it, in the source's own unit (bytes of an archive, entries of a folder, rows)."""
    key: str
    """Hexadecimal digest of all that the listing depends on: name, range, size, time of change, scanner's version."""
    bytes: int
    """How much there is to read, as far as that is known before; for progress."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some entries of a container, each once: an image, a companion of an image, or a rejection."""

    images: pa.Table
    """Of the schema of ``IndexedImage``."""
    rejections: list[Rejection]
    companions: int
    """Sidecars that belong to images: neither images nor rejected."""
    position: int
    """Where a scan of this container may go on after this batch, in the unit of its range."""

    @classmethod
    def of(cls, entries: Iterable[IndexedImage | Rejection], companions: int, position: int) -> Batch:
        """Make a batch of single entries."""
        images: list[IndexedImage] = []
        rejections: list[Rejection] = []
        for entry in entries:
            if isinstance(entry, Rejection):
                rejections.append(entry)
            else:
                images.append(entry)
        return cls(to_table(images, IndexedImage), rejections, companions, position)


class Pictures(Protocol):
    """Where the bytes of pictures are read. Safe to use in several threads."""

    def prepare(self, refs: Iterable[ImageRef], progress: Progress) -> None:
        """Make some images readable, in the order of their places. Only streams have anything to do.

        Raises:
            SourceError: the source cannot be read.
        """

    def read(self, ref: ImageRef) -> bytes:
        """The bytes of one image.

        Raises:
            SourceError: the file is gone, unreadable, or shorter than the reference says.
        """

    def file_of(self, ref: ImageRef) -> Path | None:
        """The file that holds one image's bytes and no others; ``None`` for a member of an archive."""


class Source(Pictures, Protocol):
    """One user's copy of ImageNet-21k.

    The same collection gives the same image ids in every form. Sources are cheap to pickle: worker processes get
    their own copy and open files when they first read.
    """

    @property
    def form(self) -> str:
        """Name of the form, as in the configuration."""

    @property
    def is_stream(self) -> bool:
        """Whether bytes can only be had in order: containers are then scanned one after the other, in one process."""

    def containers(self) -> Iterator[Container]:
        """The parts of the source, in an order that does not depend on the file system.

        Raises:
            SourceError: the source as a whole cannot be read.
        """

    def scan(self, container: Container, start: int) -> Iterator[Batch]:
        """Every entry of a container from a position on, once, in an order that does not depend on the file system.

        Two entries may claim one id; the index keeps the first. What a stream must remember of a batch is safe on disk
        when the batch is yielded.

        Args:
            container: one of :meth:`containers`.
            start: its ``start``, or a batch's ``position``.

        Raises:
            SourceError: the container as a whole cannot be read.
        """
