"""Reading a tar archive's headers in place, without touching the data between them.

Ordinary headers (files and folders of the USTAR, old GNU and V7 formats) are read here, many times faster than
:mod:`tarfile` does it; anything else (long names, pax headers, base-256 numbers, links, sparse files) is handed to
:mod:`tarfile`, one member at a time. The format: POSIX.1-2017, ``pax``, "ustar Interchange Format".
"""

from __future__ import annotations

import io
import os
import tarfile
import zlib
from collections.abc import Iterator
from typing import Literal, NamedTuple

BLOCK = 512
"""Headers take one block, data is padded to whole ones."""

END = bytes(BLOCK)
"""Two such blocks end an archive; like :mod:`tarfile` we take the first for it."""

MAX_TAIL = 2**20
"""Zeros after the end, in bytes, that can be padding to the size of a tape record (GNU tar's default is 10 KiB)."""

MAX_EXTENDED_HEADER = 2**20
"""Bytes of one long name or pax header. Real ones have a few hundred."""

Kind = Literal["file", "folder", "other"]
"""``other``: links, devices, pipes, sparse files, unknown types."""


class Member(NamedTuple):
    """One member. ``offset`` (of the data, in the file that holds the archive) and ``size`` are in bytes."""

    name: str
    """Decoded as UTF-8; bytes that are none are lone surrogates, as in Python's file names."""
    kind: Kind
    offset: int
    size: int


class Damage(NamedTuple):
    """Where and why an archive cannot be read further. ``name`` is the member's, where it is known."""

    problem: str
    offset: int
    name: str = ""


def read_members(descriptor: int, start: int, end: int) -> Iterator[Member | Damage]:
    """List the members of the uncompressed archive in bytes ``start`` to ``end`` of an open file.

    Every member that is yielded lies wholly inside these bounds. The first damage is yielded and ends the listing.

    Raises:
        OSError: the file cannot be read.
    """
    position = start
    window = _Window(descriptor, end)
    pax_headers: dict[str, str] = {}
    while position + BLOCK <= end:
        block = os.pread(descriptor, BLOCK, position)
        # A global pax header holds for all members after it, and only tarfile knows how.
        ordinary = None if pax_headers else _read_ordinary(block, position)
        if ordinary is None and block == END:
            yield from _check_tail(descriptor, position, end)
            return
        found = ordinary or _read_unusual(window, position, pax_headers)
        if isinstance(found, Damage):
            yield found
            return
        member, following = found
        if member.offset + member.size > end and member.kind == "file":
            missing = member.offset + member.size - end
            yield Damage(f"the archive ends {missing} bytes before the end of this member", position, member.name)
            return
        yield member
        position = following
    yield Damage("the archive ends without its end mark: it may have been cut short", min(position, end))


_KINDS: dict[int, Kind] = {ord("0"): "file", 0: "file", ord("5"): "folder"}
_SPACES = b"\0 "


def _read_ordinary(block: bytes, position: int) -> tuple[Member, int] | None:
    """Read a header and say where the next one is, or ``None`` when there is anything unusual about it."""
    if len(block) < BLOCK:
        return None
    kind = _KINDS.get(block[156])
    # byte 345: the first of the name's prefix, or of other things, depending on the format
    if kind is None or block[345] or block[135] not in _SPACES:
        return None
    try:
        size = int(block[124:135], 8)
        checksum = int(block[148:156].partition(b"\0")[0], 8)
    except ValueError:
        return None
    if size < 0 or checksum != _sum_of(block):
        return None
    name = block[:100].partition(b"\0")[0].decode("utf-8", "surrogateescape")
    if kind == "folder":
        name = name.rstrip("/")
    if (size and kind == "folder") or name.endswith("/"):
        return None
    data = position + BLOCK
    return Member(name, kind, data, size), data + -(-size // BLOCK) * BLOCK


def _sum_of(block: bytes) -> int:
    """A header's checksum: the sum of its bytes, those of the checksum itself counted as spaces."""
    # The low half of Adler-32 is the sum modulo 65521, which 256 bytes cannot reach; sum() takes five times as long.
    halves = (zlib.adler32(block[:256], 0) & 0xFFFF) + (zlib.adler32(block[256:], 0) & 0xFFFF)
    return halves - sum(block[148:156]) + 8 * ord(" ")


# What tarfile is known to raise on damaged headers, besides its own errors: unpacking numbers and sparse maps that
# are cut short, positions out of range, and endless chains of extended headers.
_TARFILE_GIVES_UP = (tarfile.TarError, ValueError, IndexError, OverflowError, RecursionError)


def _read_unusual(window: _Window, position: int, pax_headers: dict[str, str]) -> tuple[Member, int] | Damage:
    """Let tarfile read one member; it adds to ``pax_headers`` what holds for the rest of the archive."""
    window.seek(position)
    try:
        archive = tarfile.TarFile(fileobj=window, encoding="utf-8", errors="surrogateescape", pax_headers=pax_headers)
        info = archive.next()
    except _TARFILE_GIVES_UP as error:
        return Damage(f"the header cannot be read ({error})", position)
    # tarfile takes negative sizes from base-256 fields and would go back, for ever.
    if info is None or info.size < 0 or archive.offset <= position:
        return Damage("there is no valid tar header", position)
    kind: Kind = "other"
    if info.isdir():
        kind = "folder"
    elif info.isreg() and not info.issparse():
        kind = "file"
    return Member(info.name, kind, info.offset_data, info.size), archive.offset


def _check_tail(descriptor: int, position: int, end: int) -> Iterator[Damage]:
    """Report what follows the end mark unless it is padding.

    More members can follow (archives strung together), or a long run of zeros: the holes of an unfinished download.
    """
    tail = end - position
    if tail > MAX_TAIL or os.pread(descriptor, tail, position).strip(b"\0"):
        yield Damage(f"{tail} bytes follow the end mark: more archives, or a file with holes", position)


class _Window(io.RawIOBase):
    """An open file up to ``end``, read at positions of its own: what tarfile gets to see."""

    def __init__(self, descriptor: int, end: int) -> None:
        self._end = end
        self._descriptor = descriptor
        self._position = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        assert whence == os.SEEK_SET
        self._position = offset
        return offset

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= MAX_EXTENDED_HEADER:
            raise tarfile.ReadError(f"an extended header of {size} bytes")
        data = os.pread(self._descriptor, min(size, max(self._end - self._position, 0)), self._position)
        self._position += len(data)
        return data
