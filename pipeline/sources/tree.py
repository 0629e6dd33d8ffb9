"""An extracted tree: class folders full of images, or any other arrangement of ImageNet's files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.sources.entries import is_archive, judge_file, printable, unreadable
from pipeline.sources.walk import walk
from schemas.errors import SourceError
from schemas.image import ImageRef
from schemas.rejection import Rejection


class TreeSource:
    """Every image is a file of its own. Classes come from the files' names; folders may be called anything."""

    form = "tree"

    def __init__(self, root: Path) -> None:
        self._root = root

    def scan(self) -> Iterator[ImageRef | Rejection]:
        """Every file and link under the root.

        Raises:
            SourceError: there are archives among them, whose images would be lost.
        """
        for path, entry in walk(self._root):
            if is_archive(path) and entry.is_file(follow_symlinks=False):
                raise SourceError(
                    f"{printable(path)} in {self._root} is an archive among loose images",
                    "set source.form to tars, which reads both",
                )
            yield judge_file(entry, path)

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
