"""Bytes that stream by, as a file that is read once."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO, cast

_BUFFER = 1 << 20


def open_pieces(pieces: Iterator[bytes]) -> BinaryIO:
    """Pieces as a file that can only be read forwards; a read gives less than it was asked for only at the end."""
    return cast("BinaryIO", io.BufferedReader(_Pieces(pieces), _BUFFER))


class _Pieces(io.RawIOBase):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # always called with a view
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
