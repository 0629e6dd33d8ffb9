"""An extracted tree: class folders full of images, or any other arrangement of ImageNet's files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.lines import printable
from pipeline.sources.base import Batch, Container
from pipeline.sources.entries import unreadable
from pipeline.sources.folders.listing import walk_folders
from pipeline.sources.folders.loose import list_loose, scan_loose
from pipeline.sources.on_disk import SourceOnDisk
from pipeline.sources.options import DEFAULT_OPTIONS, ScanOptions
from schemas.errors import SourceError
from schemas.image import ImageRef


class TreeSource(SourceOnDisk):
    """Every image is a file of its own. Classes come from the files' names; folders may be called anything."""

    form = "tree"

    def __init__(self, root: Path, options: ScanOptions = DEFAULT_OPTIONS) -> None:
        self._root = root
        self._options = options

    def containers(self) -> Iterator[Container]:
        """Stretches of every folder under the root: a folder's own files, then its folders, by name.

        Raises:
            SourceError: a folder cannot be read; or there are archives, whose images would be lost.
        """
        for prefix, listing in walk_folders(self._root):
            if listing.archives:
                raise SourceError(
                    f"{printable(prefix + listing.archives[0])} in {self._root} is an archive among loose images",
                    "set source.form to tars, which reads both",
                )
            yield from list_loose(self._root, prefix, listing)

    def scan(self, container: Container, start: int) -> Iterator[Batch]:
        """Every file and link of a stretch."""
        return scan_loose(self._root, container, start, dimensions=self._options.dimensions)

    def read(self, ref: ImageRef) -> bytes:
        """One file, whole."""
        path = self._root / ref.container
        try:
            data = path.read_bytes()
        except OSError as error:
            raise unreadable(path, error) from error
        if len(data) != ref.size:
            raise SourceError(
                f"{printable(str(path))} has {len(data)} bytes and had {ref.size} when it was indexed",
                "restore it, or index again",
            )
        return data

    def file_of(self, ref: ImageRef) -> Path:
        """Its own."""
        return self._root / ref.container
