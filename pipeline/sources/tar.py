"""One uncompressed tar of images, or a tar of per-synset tars, read by offset without unpacking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.sources.archives.containers import ArchiveContainer, list_archives, scan_container
from pipeline.sources.archives.ranges import RangeReader
from pipeline.sources.base import Batch, Container
from pipeline.sources.on_disk import SourceOnDisk
from pipeline.sources.options import DEFAULT_OPTIONS, ScanOptions
from schemas.image import ImageRef


class TarSource(SourceOnDisk):
    """One archive. A reference's container is ``.``, the archive itself, so that it can be renamed and moved."""

    form = "tar"

    def __init__(self, path: Path, options: ScanOptions = DEFAULT_OPTIONS) -> None:
        self._path = path
        self._options = options
        self._reader = RangeReader(path)

    def containers(self) -> Iterator[Container]:
        """The archive, or each of the archives in it and then whatever lies beside them."""
        return list_archives(self._path, name=".", place="the archive")

    def scan(self, container: Container, start: int) -> Iterator[Batch]:
        """Every member but folders, in the archive's order; those of inner archives in their place."""
        assert isinstance(container, ArchiveContainer)
        return scan_container(self._path, container, start, self._options)

    def read(self, ref: ImageRef) -> bytes:
        """One member."""
        return self._reader.read(ref)

    def file_of(self, ref: ImageRef) -> None:
        """None: every image is a member of the archive."""
