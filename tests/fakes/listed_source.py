"""A source whose entries are written down."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.progress import Progress
from pipeline.sources.base import Batch, Container
from schemas.errors import SourceError
from schemas.image import ImageRef, IndexedImage
from schemas.rejection import Rejection, RejectReason, Stage

Entry = IndexedImage | Rejection


@dataclass
class ListedSource:
    """Positions are numbers of entries. What is scanned is noted in a file, since workers are other processes."""

    listed: Mapping[str, Sequence[Entry]]
    log: Path | None = None
    batch: int = 2
    pause: float = 0.0
    """Seconds before each batch."""
    fails_at: str = ""
    """Name of a container that cannot be read to its end."""
    companions: int = 0
    """In each batch."""
    moves: bool = True
    """Whether positions move on before a container's end."""
    form: str = "tree"
    is_stream: bool = False

    def containers(self) -> Iterator[Container]:
        for name, entries in self.listed.items():
            key = hashlib.sha256(repr((name, list(entries))).encode()).hexdigest()
            yield Container(name, 0, len(entries), key, 100 * len(entries))

    def scan(self, container: Container, start: int) -> Iterator[Batch]:
        if self.log is not None:
            with self.log.open("a") as log:
                log.write(f"{container.name} {start}\n")
        entries = self.listed[container.name]
        for position in range(start, len(entries), self.batch):
            time.sleep(self.pause)
            if container.name == self.fails_at and position:
                raise SourceError("the disk is gone")
            after = min(position + self.batch, len(entries))
            is_end = after == len(entries)
            yield Batch.of(entries[position:after], self.companions, after if self.moves or is_end else 0)

    def prepare(self, refs: Iterable[ImageRef], progress: Progress) -> None:
        """Nothing to do."""

    def read(self, ref: ImageRef) -> bytes:
        return bytes(ref.size)

    def file_of(self, ref: ImageRef) -> None:
        """None: there are no files."""

    def scans(self) -> list[str]:
        """What was scanned, in order: names and positions."""
        return self.log.read_text().splitlines() if self.log is not None and self.log.exists() else []


class AnnouncingSource(ListedSource):
    """One that knows what should be there."""

    def warnings(self) -> list[str]:
        return ["a shard is missing"]

    def check(self, images: Mapping[str, int]) -> list[str]:
        return [f"{name} holds {count}" for name, count in images.items()]


def image(image_id: str, container: str = "a", offset: int = 0, side: int | None = None) -> IndexedImage:
    return IndexedImage(
        image_id=image_id,
        wnid=image_id[:9],
        container=container,
        offset=offset,
        size=7,
        width=side,
        height=side,
        format=None if side is None else "JPEG",
    )


def stray(detail: str) -> Rejection:
    return Rejection(image_id="", wnid="", stage=Stage.INDEX, reason=RejectReason.NOT_AN_IMAGE_ID, detail=detail)
