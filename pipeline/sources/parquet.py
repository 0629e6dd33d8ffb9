"""A folder of Parquet files with images in them, as ``datasets`` writes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.sources.archives.ranges import RangeReader
from pipeline.sources.base import Batch, Container
from pipeline.sources.on_disk import SourceOnDisk
from pipeline.sources.options import ScanOptions
from pipeline.sources.shards.folder import LOOSE, ShardFolder
from pipeline.sources.shards.parquet_rows import RowReader, count_rows, scan_rows
from schemas.image import ImageRef

SCANNER = "parquet-1"
"""Raised whenever the same file would be listed differently."""

SUFFIX = ".parquet"


class ParquetSource(SourceOnDisk):
    """Every Parquet file under the root is a container. A reference's offset is the row's number."""

    form = "parquet"

    def __init__(self, root: Path, options: ScanOptions) -> None:
        self._root = root
        self._options = options
        self._folder = ShardFolder(root, (SUFFIX,), SCANNER)
        self._rows = RowReader(root.joinpath)
        self._loose = RangeReader(root)

    def containers(self) -> Iterator[Container]:
        """The Parquet files in the order of their names, then all others together."""
        return self._folder.containers(lambda path, _: count_rows(self._root.joinpath, path))

    def scan(self, container: Container, start: int) -> Iterator[Batch]:
        """The rows of one file, or the files beside them. All bytes are read: nothing else tells their sizes."""
        if container.name == LOOSE:
            return self._folder.scan_loose(start)
        return scan_rows(self._root.joinpath, container, start, dimensions=self._options.dimensions)

    def read(self, ref: ImageRef) -> bytes:
        """One row's image, or one loose file."""
        return self._rows.read(ref) if _is_parquet(ref) else self._loose.read(ref)

    def file_of(self, ref: ImageRef) -> Path | None:
        """A loose image's."""
        return None if _is_parquet(ref) else self._root / ref.container


def _is_parquet(ref: ImageRef) -> bool:
    return ref.container.lower().endswith(SUFFIX)
