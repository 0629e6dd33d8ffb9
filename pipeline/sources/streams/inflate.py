"""Unpacking gzip files of any length and number of members, from the beginning or from a point in their middle.

The formats: RFC 1951 (deflate), RFC 1952 (gzip). Memory is bounded, whatever a file unpacks to.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from pipeline.sources.entries import unreadable

PIECE = 2**17
"""Bytes of a file that are read at a time. More fall out of the processor's cache."""

ROOM = 2 * PIECE
"""Bytes that are unpacked at a time, at most."""

_GZIP = 16 + zlib.MAX_WBITS
_MAGIC = b"\x1f\x8b"


class Point(NamedTuple):
    """Where a gzip file can be entered: before a gzip member, or between two blocks of one."""

    unpacked: int
    """Offset in what the file unpacks to."""
    packed: int
    """Offset in the file of the next byte that is not used up wholly."""
    bits: int
    """How many bits of that byte belong to the block before; 0 to 7."""
    window: bytes | None
    """The last bytes before it, as unpacked: what the next block can refer back to. ``None`` before a member."""
    member: int = 0
    """Offset in what the file unpacks to at which the member begins; of no use before one."""
    crc: int = 0
    """CRC-32 of what was unpacked of the member so far."""


BEGINNING = Point(0, 0, 0, None)


class Inflater(Protocol):
    """Unpacks one member, or the rest of one."""

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""

    @property
    def problem(self) -> str | None:
        """Why it cannot go on, in zlib's words."""

    def inflate(self, data: bytes) -> tuple[bytes, int]:
        """Unpack at most :data:`ROOM` bytes.

        Returns:
            What was unpacked, and how many bytes of ``data`` were used up: where there is a problem, those before the
            byte at which it shows. That is -1 where the byte before ``data`` held bits that had not been looked at.
        """


class Seeker(Protocol):
    """What it takes to enter a file in its middle."""

    def member(self, start: Point) -> Inflater:
        """An inflater for a member that begins at ``start``, or is entered there."""

    def passed(self, inflater: Inflater, unpacked: int, packed: int) -> None:
        """Told of every step: note a point when one is due, and can be had here.

        Args:
            inflater: one of this seeker's.
            unpacked: offset in what the file unpacks to.
            packed: offset in the file of the first byte that is not used up.
        """


class Gunzip:
    """What a gzip file unpacks to, piece by piece.

    Damage ends the pieces, and is told in ``damage``; so is anything but zeros behind the last member.

    Args:
        path: of the file.
        start: where to enter it. It changes nothing in what follows, nor in where and why damage is told.
        seeker: needed to enter it anywhere but at its beginning; notes points on the way.
    """

    def __init__(self, path: Path, start: Point = BEGINNING, seeker: Seeker | None = None) -> None:
        self.damage: str | None = None
        self.packed = start.packed
        """Bytes of the file that are used up."""
        self.unpacked = start.unpacked
        self._path = path
        self._start = start
        self._seeker = seeker

    def __iter__(self) -> Generator[bytes, None, None]:
        """The pieces.

        Raises:
            SourceError: the file cannot be read.
        """
        try:
            with self._path.open("rb", buffering=0) as file:
                file.seek(self._start.packed)
                yield from self._members(_Input(file))
        except OSError as error:
            raise unreadable(self._path, error) from error
        except (zlib.error, EOFError) as error:
            self.damage = f"the gzip file is damaged at byte {self.packed} of it ({error})"

    def _members(self, source: _Input) -> Iterator[bytes]:
        start = self._start
        while start.window is not None or self._finds_member(source):
            inflater = self._seeker.member(start) if self._seeker else _Zlib()
            yield from self._unpack(source, inflater)
            start = Point(self.unpacked, self.packed, 0, None)

    def _finds_member(self, source: _Input) -> bool:
        if self.packed:
            self.packed += source.drop_zeros()
        head = source.look(len(_MAGIC))[: len(_MAGIC)]
        if head and head != _MAGIC:
            raise zlib.error("what follows is no gzip data" if self.packed else "it is no gzip file")
        return bool(head)

    def _unpack(self, source: _Input, inflater: Inflater) -> Iterator[bytes]:
        while not inflater.eof:
            if self._seeker:
                self._seeker.passed(inflater, self.unpacked, self.packed)
            data = source.look()
            if not data:
                raise EOFError("it ends too early")
            piece, used = inflater.inflate(data)
            source.drop(max(used, 0))
            self.packed += used
            self.unpacked += len(piece)
            if piece:
                yield piece
            if inflater.problem:
                raise zlib.error(inflater.problem)


class _Zlib:
    """Unpacks a member with Python's own zlib."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self._inflater = zlib.decompressobj(_GZIP)

    @property
    def eof(self) -> bool:
        return self._inflater.eof

    def inflate(self, data: bytes) -> tuple[bytes, int]:
        before = self._inflater.copy()
        try:
            piece = self._inflater.decompress(data, ROOM)
        except zlib.error as error:
            self.problem = str(error).rpartition(": ")[2]
            return _inflate_to_the_last(before, data)
        left = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
        return piece, len(data) - len(left)


def _inflate_to_the_last(inflater: zlib._Decompress, data: bytes) -> tuple[bytes, int]:
    """Unpack what stands before damage, which Python throws away when it notices that."""
    found = bytearray()
    for used in range(-1, len(data)):  # first with nothing new, for bits that it holds already
        try:
            found += inflater.decompress(data[max(used, 0) : used + 1])
        except zlib.error:
            return bytes(found), used
    return bytes(found), len(data)


class _Input:
    """A file, of which some bytes were read and not used up."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._data = b""

    def look(self, least: int = 1) -> bytes:
        """The next bytes, not used up; fewer than ``least`` only where the file ends."""
        while len(self._data) < least and (more := self._file.read(PIECE)):
            self._data += more
        return self._data

    def drop(self, count: int) -> int:
        """Use up some bytes; fewer only where the file ends."""
        count = min(count, len(self.look(count)))
        self._data = self._data[count:]
        return count

    def drop_zeros(self) -> int:
        """Use up zeros."""
        dropped = 0
        while self.look().startswith(b"\0"):
            dropped += self.drop(len(self._data) - len(self._data.lstrip(b"\0")))
        return dropped
