"""A folder of per-synset tars, as ImageNet offers them class by class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.sources.entries import is_archive, judge_file
from pipeline.sources.tar import RangeReader, scan_archive
from pipeline.sources.walk import walk
from schemas.image import ImageRef
from schemas.rejection import Rejection


class TarsSource:
    """Every archive under the root, in the order of their names, and any loose image beside them.

    Classes come from the members' names; the archives may be called anything.
    """

    form = "tars"

    def __init__(self, root: Path) -> None:
        self._root = root
        self._reader = RangeReader(root)

    def scan(self) -> Iterator[ImageRef | Rejection]:
        """Every member of every archive but folders, and every other file under the root."""
        for path, entry in walk(self._root):
            if is_archive(path) and entry.is_file(follow_symlinks=False):
                yield from scan_archive(self._root / path, container=path, place=path)
            else:
                yield judge_file(entry, path)

    def read(self, ref: ImageRef) -> bytes:
        """One member, or one loose file."""
        return self._reader.read(ref)

    def file_of(self, ref: ImageRef) -> Path | None:
        """A loose image's."""
        return None if is_archive(ref.container) else self._root / ref.container
