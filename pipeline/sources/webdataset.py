"""A folder of WebDataset shards: timm's copies of ImageNet-21k, and others of their kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.sources.archives.access import fetching
from pipeline.sources.archives.compressed import LONGEST_MAGIC, refuse_compressed
from pipeline.sources.archives.ranges import RangeReader
from pipeline.sources.base import Batch, Container
from pipeline.sources.entries import ARCHIVE_SUFFIXES, is_archive, unreadable
from pipeline.sources.folders.listing import leads_to_file, walk
from pipeline.sources.on_disk import SourceOnDisk
from pipeline.sources.options import ScanOptions
from pipeline.sources.shards.folder import LOOSE, ShardFolder
from pipeline.sources.shards.info import INFO_NAMES, MAX_INFO, Promises
from pipeline.sources.shards.scan import SCANNER, Shard, scan_shard
from pipeline.sources.streams.readers import WindowReader
from schemas.image import ImageRef

WINDOW = 2**12
"""Bytes read at once where only headers and small members matter: the end of a sample and the beginning of the next."""


class WebDatasetSource(SourceOnDisk):
    """Every shard under the root is a container, whatever it is called."""

    form = "webdataset"

    def __init__(self, root: Path, options: ScanOptions) -> None:
        self._root = root
        self._options = options
        self._folder = ShardFolder(root, ARCHIVE_SUFFIXES, SCANNER)
        self._reader = RangeReader(root)

    def containers(self) -> Iterator[Container]:
        """The shards in the order of their names, then the other files together."""
        return self._folder.containers(lambda _, size: size)

    def scan(self, container: Container, start: int) -> Iterator[Batch]:
        """The members of one shard, or the files beside the shards."""
        if container.name == LOOSE:
            yield from self._folder.scan_loose(start, INFO_NAMES)
            return
        path = self._root / container.name
        try:
            with path.open("rb", buffering=0) as file:
                refuse_compressed(file.read(LONGEST_MAGIC), str(path))
                looks = self._options.dimensions
                window = WindowReader(fetching(file.fileno(), self._options.scan_mode), 2 * WINDOW if looks else WINDOW)
                yield from scan_shard(window.pread, Shard(container.name, container.end, looks), start)
        except OSError as error:
            raise unreadable(path, error) from error

    def read(self, ref: ImageRef) -> bytes:
        """One member, or one loose file."""
        return self._reader.read(ref)

    def file_of(self, ref: ImageRef) -> Path | None:
        """A loose image's."""
        return None if is_archive(ref.container) else self._root / ref.container

    def warnings(self) -> list[str]:
        """Where ``info.json`` and the folder differ, one line each.

        Raises:
            SourceError: a folder cannot be read.
        """
        return self._promises().warnings(set(self._folder.shards()))

    def check(self, images: Mapping[str, int]) -> list[str]:
        """Where ``info.json`` and the shards differ, one line each.

        Args:
            images: how many images each container was found to hold, those rejected included, by the container's name.
        """
        return self._promises().check(images)

    def _promises(self) -> Promises:
        infos = {}
        for path in walk(self._root):
            if path.rpartition("/")[2] in INFO_NAMES and leads_to_file(self._root / path):
                try:
                    with (self._root / path).open("rb") as file:
                        infos[path] = file.read(MAX_INFO)
                except OSError as error:
                    raise unreadable(self._root / path, error) from error
        return Promises(infos)
