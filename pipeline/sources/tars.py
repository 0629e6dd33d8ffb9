"""A folder of per-synset tars, as ImageNet offers them class by class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.sources.archives.containers import ArchiveContainer, list_archives, scan_container
from pipeline.sources.archives.ranges import RangeReader
from pipeline.sources.base import Batch, Container
from pipeline.sources.entries import is_archive
from pipeline.sources.folders.listing import walk_folders
from pipeline.sources.folders.loose import list_loose, scan_loose
from pipeline.sources.on_disk import SourceOnDisk
from pipeline.sources.options import DEFAULT_OPTIONS, ScanOptions
from schemas.image import ImageRef


class TarsSource(SourceOnDisk):
    """Every archive under the root, in the order of their names, and any loose image beside them.

    Classes come from the members' names; the archives may be called anything.
    """

    form = "tars"

    def __init__(self, root: Path, options: ScanOptions = DEFAULT_OPTIONS) -> None:
        self._root = root
        self._options = options
        self._reader = RangeReader(root)

    def containers(self) -> Iterator[Container]:
        """The archives of every folder under the root, then the other files beside them, then its folders."""
        for prefix, listing in walk_folders(self._root):
            for name in listing.archives:
                path = prefix + name
                yield from list_archives(self._root / path, name=path, place=path)
            yield from list_loose(self._root, prefix, listing)

    def scan(self, container: Container, start: int) -> Iterator[Batch]:
        """Every member of an archive but folders, or every file of a stretch."""
        if isinstance(container, ArchiveContainer):
            return scan_container(self._root / container.name, container, start, self._options)
        return scan_loose(self._root, container, start, dimensions=self._options.dimensions)

    def read(self, ref: ImageRef) -> bytes:
        """One member, or one loose file."""
        return self._reader.read(ref)

    def file_of(self, ref: ImageRef) -> Path | None:
        """A loose image's."""
        return None if is_archive(ref.container) else self._root / ref.container
