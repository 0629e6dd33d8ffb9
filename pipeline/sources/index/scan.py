"""Scanning containers into parts, so that being killed costs seconds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from pipeline.lines import printable
from pipeline.sources.base import Batch, Container, Source
from pipeline.sources.index.parts import Stretch, write_part
from pipeline.tables import to_table
from schemas.derived import arrow_schema
from schemas.errors import SourceError
from schemas.image import IndexedImage
from schemas.rejection import Rejection

PART_ENTRIES = 65_536
"""A part is written after this many entries ..."""
PART_SECONDS = 5.0
"""... or this many seconds, whichever comes first: what a kill can cost, beyond the batch in hand."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The rest of a container that no part holds."""

    key: str
    container: Container
    start: int


@dataclass(frozen=True, slots=True)
class ScanJob:
    """Some containers for one worker process to scan."""

    source: Source
    missing: tuple[Missing, ...]
    folder: Path
    """Where parts go."""
    stop: Path
    """Scanning ends after the batch in hand once this file is there."""


def scan_into_parts(job: ScanJob) -> None:
    """Scan containers one after the other; small ones share a part.

    Raises:
        SourceError: a container cannot be read.
        OSError: the folder cannot be written.
    """
    writer = PartWriter(job.folder)
    try:
        for missing in job.missing:
            if not _scan(job, missing, writer):
                break
    except SourceError:
        writer.flush()
        raise
    writer.flush()


def _scan(job: ScanJob, missing: Missing, writer: PartWriter) -> bool:
    """Scan a container; whether its end was reached."""
    writer.begin(missing.key, printable(missing.container.name), missing.start)
    if job.stop.exists():
        return False
    for batch in job.source.scan(missing.container, missing.start):
        writer.add(batch)
        if job.stop.exists():
            return False
    writer.end()
    return True


class PartWriter:
    """Collects batches, and writes a part when they are many or old.

    Memory: the entries of one part and one batch. A stretch ends only where the position has moved on, since nothing
    else can be gone on from.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stretches: list[Stretch] = []
        self._images: list[pa.Table] = []
        self._rejections: list[pa.Table] = []
        self._entries = 0
        self._open = _Open("", "", 0)
        self._written = time.monotonic()

    def begin(self, key: str, container: str, start: int) -> None:
        """Go on with a container; its batches follow."""
        self._open = _Open(key, container, start)

    def add(self, batch: Batch) -> None:
        """Take in the next batch of the container."""
        self._open.batches.append(batch)
        if batch.position > self._open.start:
            self._close(batch.position, finished=False)

    def end(self) -> None:
        """The container holds nothing more."""
        self._close(self._open.start, finished=True)

    def flush(self) -> None:
        """Write what was collected."""
        if self._stretches:
            images = pa.concat_tables([arrow_schema(IndexedImage).empty_table(), *self._images]).combine_chunks()
            rejections = pa.concat_tables([arrow_schema(Rejection).empty_table(), *self._rejections])
            write_part(self._folder, _joined(self._stretches), images, rejections)
        self._stretches, self._images, self._rejections, self._entries = [], [], [], 0
        self._written = time.monotonic()

    def _close(self, position: int, *, finished: bool) -> None:
        batches = self._open.batches
        stretch = Stretch(
            key=self._open.key,
            container=self._open.container,
            start=self._open.start,
            next=position,
            finished=finished,
            images=sum(len(batch.images) for batch in batches),
            rejections=sum(len(batch.rejections) for batch in batches),
            companions=sum(batch.companions for batch in batches),
        )
        self._stretches.append(stretch)
        self._images += [batch.images for batch in batches]
        self._rejections += [to_table(batch.rejections, Rejection) for batch in batches if batch.rejections]
        self._entries += stretch.entries
        self._open = _Open(stretch.key, stretch.container, position)
        if self._entries >= PART_ENTRIES or time.monotonic() - self._written >= PART_SECONDS:
            self.flush()


@dataclass
class _Open:
    """The stretch that is being scanned."""

    key: str
    container: str
    start: int
    batches: list[Batch] = field(default_factory=list)


def _joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    """The same with neighbours of one container made one."""
    joined: list[Stretch] = []
    for stretch in stretches:
        last = joined[-1] if joined else None
        if last is None or last.key != stretch.key or last.finished or last.next != stretch.start:
            joined.append(stretch)
            continue
        counts = {name: getattr(last, name) + getattr(stretch, name) for name in ("images", "rejections", "companions")}
        joined[-1] = stretch.model_copy(update={"start": last.start, **counts})
    return joined
