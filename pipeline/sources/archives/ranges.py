"""Reading images by their places in files."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from pipeline.lines import printable
from pipeline.sources.entries import unreadable
from schemas.errors import SourceError
from schemas.image import ImageRef

OPEN_FILES = 32
"""Files kept open for reading."""


class RangeReader:
    """Reads byte ranges of the files under ``root``, from any thread. A few stay open; none are pickled."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open = functools.lru_cache(OPEN_FILES)(OpenFile)

    def __reduce__(self) -> tuple[type[RangeReader], tuple[Path]]:
        """Pickle the root alone."""
        return RangeReader, (self._root,)

    def read(self, ref: ImageRef) -> bytes:
        """The bytes of one image.

        Raises:
            SourceError: the file is gone, unreadable or shorter than the reference says.
        """
        path = self._root / ref.container
        try:
            file = self._open(path)  # held: another thread may crowd it out of the cache meanwhile
            data = os.pread(file.descriptor, ref.size, ref.offset)
        except OSError as error:
            raise unreadable(path, error) from error
        if len(data) != ref.size:
            raise SourceError(
                f"{printable(str(path))} ends inside {ref.image_id}, {ref.size - len(data)} bytes too early",
                "restore it, or index again",
            )
        return data


class OpenFile:
    """A file that is closed when nobody holds it any more: not while another thread still reads from it.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)
