"""Bytes at a position, from a file or out of a stream that only runs forward."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator

from pipeline.sources.archives.headers import Fetch


class WindowReader:
    """A stretch of a file, kept in memory: neighbouring small reads cost one call to the system.

    Args:
        fetch: reads the file.
        window: length of the stretch, in bytes.
    """

    def __init__(self, fetch: Fetch, window: int) -> None:
        self._fetch = fetch
        self._window = window
        self._held = b""
        self._start = 0

    def pread(self, length: int, offset: int) -> bytes:
        """``length`` bytes from ``offset`` on.

        Raises:
            OSError: the file cannot be read.
        """
        begin = offset - self._start
        end = begin + length
        if begin < 0 or end > len(self._held):
            if length >= self._window:
                return self._fetch(length, offset)
            self._held = self._fetch(self._window, offset)
            self._start, begin, end = offset, 0, length
        return self._held[begin:end]


class ForwardReader:
    """A stream, read at positions that never go back behind the last one that was asked for.

    Holds no more than what was last asked for and one chunk of the stream.
    """

    def __init__(self, chunks: Iterator[bytes], start: int) -> None:
        self._chunks = chunks
        self._held = bytearray()
        self._start = start

    def pread(self, length: int, offset: int) -> bytes:
        """``length`` bytes from ``offset`` on; whatever the stream raises goes through."""
        assert offset >= self._start, "a stream was asked to go back"
        while self._start + len(self._held) < offset + length:
            self._drop(offset)
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._held += chunk
        self._drop(offset)
        return bytes(self._held[:length])

    def _drop(self, offset: int) -> None:
        """Forget what lies before ``offset``, as far as it has come."""
        passed = min(offset - self._start, len(self._held))
        del self._held[:passed]
        self._start += passed


class RangeFile(io.RawIOBase):
    """A file of which any range can be fetched: what pyarrow needs to open it."""

    def __init__(self, fetch: Fetch, size: int) -> None:
        super().__init__()
        self._fetch = fetch
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a position."""
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """Some bytes, by one request; whatever that raises goes through."""
        left = max(self._size - self._position, 0)
        length = left if size is None or size < 0 else min(size, left)
        data = self._fetch(length, self._position) if length else b""
        self._position += len(data)
        return data
