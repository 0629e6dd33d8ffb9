"""An index with which a gzip file can be entered in its middle.

Between two deflate blocks a stream can be entered by whoever knows the 32 KiB before that border (the method of
``zran.c`` among zlib's examples). Python's zlib does not stop there, so the system's is called. The index is a file of
equal records that is only added to: one of 32 KiB for every :data:`SPACING` bytes unpacked, which is 0.1 % of them.
Memory does not grow with it.
"""

from __future__ import annotations

import ctypes
import os
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import BinaryIO, Self

from pipeline.sources.entries import unreadable
from pipeline.sources.streams.inflate import BEGINNING, ROOM, Inflater, Point
from schemas.errors import SourceError

SPACING = 32 * 2**20
"""Unpacked bytes between two points. Half of it is unpacked in vain where a single image is looked for."""

_WINDOW = 2**15
_HEAD = struct.Struct("<QQbHQII")  # unpacked, packed, bits, length of the window (or _MEMBER), member, crc, checksum
_RECORD = _HEAD.size + _WINDOW
_MEMBER = 2**16 - 1


class SeekIndex:
    """The points of one gzip file, in a file of their own. A record that was cut or damaged ends the index.

    Raises:
        SourceError: the system has no zlib, or the index cannot be read.
    """

    def __init__(self, path: Path) -> None:
        _libz()
        self._path = path
        self._file: BinaryIO | None = None
        self._count = self._count_whole()
        self._last = self._read(self._count - 1).unpacked if self._count else 0

    def before(self, unpacked: int) -> Point:
        """The last point at an offset or before it."""
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            if self._read(middle).unpacked <= unpacked:
                low = middle + 1
            else:
                high = middle
        return self._read(low - 1) if low else BEGINNING

    def member(self, start: Point) -> Inflater:
        """An inflater for a member that begins at ``start``, or is entered there."""
        return _LibzInflater(start)

    def passed(self, inflater: Inflater, unpacked: int, packed: int) -> None:
        """Note a point when one is due and can be had here."""
        assert isinstance(inflater, _LibzInflater)
        inflater.stops_at_borders = unpacked >= self._last + SPACING
        if inflater.stops_at_borders and (point := inflater.border(unpacked, packed)) is not None:
            self._add(point)
            inflater.stops_at_borders = False

    def flush(self) -> None:
        """Make the points noted so far durable.

        Raises:
            OSError: the index cannot be written.
        """
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _add(self, point: Point) -> None:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab")
            self._file.truncate(self._count * _RECORD)
        self._file.write(_serialise(point))
        self._file.flush()
        self._count += 1
        self._last = point.unpacked

    def _count_whole(self) -> int:
        """How many records are whole: only the last ones can have been cut by a kill."""
        try:
            count = self._path.stat().st_size // _RECORD
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise unreadable(self._path, error) from error
        while count and self._parse(count - 1) is None:
            count -= 1
        return count

    def _read(self, number: int) -> Point:
        point = self._parse(number)
        if point is None:
            raise SourceError(f"{self._path} is damaged", "delete it: only restarts take longer without it")
        return point

    def _parse(self, number: int) -> Point | None:
        try:
            with self._path.open("rb") as file:
                file.seek(number * _RECORD)
                record = file.read(_RECORD)
        except OSError as error:
            raise unreadable(self._path, error) from error
        if len(record) < _RECORD:
            return None
        unpacked, packed, bits, length, member, crc, _ = _HEAD.unpack_from(record)
        window = None if length == _MEMBER else record[_HEAD.size : _HEAD.size + length]
        point = Point(unpacked, packed, bits, window, member, crc)
        return point if _serialise(point) == record else None


def _serialise(point: Point) -> bytes:
    unpacked, packed, bits, window, member, crc = point
    numbers = (unpacked, packed, bits, _MEMBER if window is None else len(window), member, crc)
    window = (window or b"").ljust(_WINDOW, b"\0")
    return _HEAD.pack(*numbers, zlib.crc32(window, zlib.crc32(_HEAD.pack(*numbers, 0)))) + window


class _Stream(ctypes.Structure):
    """``z_stream`` of ``zlib.h``."""

    _fields_ = (
        ("next_in", ctypes.c_void_p),
        ("avail_in", ctypes.c_uint),
        ("total_in", ctypes.c_ulong),
        ("next_out", ctypes.c_void_p),
        ("avail_out", ctypes.c_uint),
        ("total_out", ctypes.c_ulong),
        ("msg", ctypes.c_char_p),
        ("state", ctypes.c_void_p),
        ("zalloc", ctypes.c_void_p),
        ("zfree", ctypes.c_void_p),
        ("opaque", ctypes.c_void_p),
        ("data_type", ctypes.c_int),
        ("adler", ctypes.c_ulong),
        ("reserved", ctypes.c_ulong),
    )


_OK, _STREAM_END, _BUF_ERROR = 0, 1, -5
_NO_FLUSH, _BLOCK = 0, 5
_RAW, _WRAPPED = -zlib.MAX_WBITS, 16 + zlib.MAX_WBITS
_NUMBER = 4


class _LibzInflater:
    """Unpacks a member, stopping at borders between its blocks when told to.

    Where it is entered in its middle zlib knows nothing of its frame: the checks behind it are done here.
    """

    def __init__(self, start: Point) -> None:
        self.eof = False
        self.problem: str | None = None
        self.stops_at_borders = False
        self._start: Point | None = start
        self._is_raw = start.window is not None
        self._member = start.member if self._is_raw else start.unpacked
        self._crc = start.crc if self._is_raw else 0
        self._length = start.unpacked - self._member
        self._trailer: bytes | None = None
        self._libz = _libz()
        self._stream = _Stream()
        self._room = ctypes.create_string_buffer(ROOM)
        bits = _RAW if self._is_raw else _WRAPPED
        self._check(self._libz.inflateInit2_(self._pointer, bits, self._libz.zlibVersion(), ctypes.sizeof(_Stream)))
        if start.window:
            self._check(self._libz.inflateSetDictionary(self._pointer, start.window, len(start.window)))

    def __del__(self) -> None:
        if hasattr(self, "_stream"):
            self._libz.inflateEnd(self._pointer)

    def inflate(self, data: bytes) -> tuple[bytes, int]:
        if self._trailer is not None:
            return b"", self._check_trailer(self._trailer, data)
        stream, used = self._stream, 0
        if self._start is not None and self._start.bits:
            # of the first byte only the upper bits are for us
            self._check(self._libz.inflatePrime(self._pointer, 8 - self._start.bits, data[0] >> self._start.bits))
            used = 1
        self._start = None
        held = ctypes.c_char_p(data)
        stream.next_in = (ctypes.cast(held, ctypes.c_void_p).value or 0) + used
        stream.avail_in = len(data) - used
        stream.next_out = ctypes.addressof(self._room)
        stream.avail_out = ROOM
        mode = _BLOCK if self.stops_at_borders else _NO_FLUSH
        result = self._libz.inflate(self._pointer, mode)
        piece, used = ctypes.string_at(self._room, ROOM - stream.avail_out), len(data) - stream.avail_in
        self._length += len(piece)
        self._crc = zlib.crc32(piece, self._crc) if self._is_raw else stream.adler
        if result == _STREAM_END and self._is_raw:
            self._trailer = b""
        elif result == _STREAM_END:
            self.eof = True
        elif result not in (_OK, _BUF_ERROR):
            self.problem = (stream.msg or b"invalid data").decode("ascii", "replace")
            used -= 1  # the last byte is the one at which it shows, though this call may have used up none
        return piece, used

    def _check_trailer(self, before: bytes, data: bytes) -> int:
        """Look at the next of the two numbers that end a member; how many bytes were used up."""
        used = min(len(data), _NUMBER - len(before) % _NUMBER)
        self._trailer = trailer = before + data[:used]
        expected = struct.pack("<II", self._crc, self._length % 2**32)
        if len(trailer) % _NUMBER or trailer == expected[: len(trailer)]:
            self.eof = trailer == expected
            return used
        self.problem = "incorrect data check" if len(trailer) == _NUMBER else "incorrect length check"
        return used - 1

    def border(self, unpacked: int, packed: int) -> Point | None:
        """The point at which the stream stands, when that is a border between two blocks or before a member."""
        if self._start is not None:
            return self._start
        if not self._stream.data_type & 128 or self._stream.data_type & 64:
            return None
        left = self._stream.data_type & 7
        window, length = ctypes.create_string_buffer(_WINDOW), ctypes.c_uint(0)
        self._check(self._libz.inflateGetDictionary(self._pointer, window, ctypes.byref(length)))
        return Point(unpacked, packed - (left > 0), (8 - left) % 8, window.raw[: length.value], self._member, self._crc)

    @property
    def _pointer(self) -> object:
        return ctypes.byref(self._stream)

    def _check(self, result: int) -> None:
        if result != _OK:
            raise zlib.error(f"zlib's error {result}")


@cache
def _libz() -> ctypes.CDLL:
    """The system's zlib.

    Raises:
        SourceError: there is none, or it is older than 1.2.8 (2013).
    """
    try:
        libz = ctypes.CDLL("libz.so.1")
        libz.zlibVersion.restype = ctypes.c_char_p
        _ = libz.inflateGetDictionary
    except (OSError, AttributeError) as error:
        raise SourceError(
            f"an index for seeking needs zlib's library libz.so.1 ({error})",
            "install it (zlib1g, zlib), or leave source.seek_index out",
        ) from error
    return libz
