"""Reading a tar archive's headers in place, without touching the data between them.

Ordinary headers (files and folders of the USTAR, old GNU and V7 formats) are read here, many times faster than
:mod:`tarfile` does it; anything else (long names, pax headers, base-256 numbers, links, sparse files) is handed to
:mod:`tarfile`, one member at a time. The format: POSIX.1-2017, ``pax``, "ustar Interchange Format".
"""

from __future__ import annotations

import io
import os
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal, NamedTuple

BLOCK = 512
"""Headers take one block, data is padded to whole ones."""

END = bytes(BLOCK)
"""Two such blocks end an archive; like :mod:`tarfile` we take the first for it."""

MAX_TAIL = 2**20
"""Zeros after the end, in bytes, that can be padding to the size of a tape record (GNU tar's default is 10 KiB)."""

MAX_EXTENDED_HEADER = 2**20
"""Bytes of one long name or pax header. Real ones have a few hundred."""

UNKNOWN_END = 2**62
"""As an archive's end: that of a stream, which shows when it comes."""

_PIECE = 2**16

Fetch = Callable[[int, int], bytes]
"""Reads ``(length, position)`` of a file, as ``os.pread`` does; fewer bytes where it ends. What is asked for lies ever
further on, but for the blocks of the header at hand, which may be asked for again."""

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
    cut_off: Member | None = None
    """The member within which the archive ends."""


def read_members(source: int | Fetch, start: int, end: int) -> Iterator[Member | Damage]:
    """List the members of the uncompressed archive in bytes ``start`` to ``end`` of an open file.

    Every member that is yielded lies wholly inside these bounds. The first damage is yielded and ends the listing.

    Args:
        source: the file's descriptor, or what reads it.
        start: of the archive, in bytes.
        end: likewise.

    Raises:
        OSError: the file cannot be read.
    """
    headers = HeaderReader(partial(os.pread, source) if isinstance(source, int) else source, end)
    position = start
    while found := headers.read(position):
        if isinstance(found, Damage):
            yield found
            return
        yield found.member
        position = found.following


class Step(NamedTuple):
    """A member, and where the next header is."""

    member: Member
    following: int


class HeaderReader:
    """Reads single headers of an archive that ends at ``end``, given where they are."""

    def __init__(self, fetch: Fetch, end: int) -> None:
        self._fetch = fetch
        self._end = end
        self._window = _Window(fetch, end)
        self.pax_headers: dict[str, str] = {}
        """Fields of global pax headers: they hold for all members after these, and only tarfile knows how."""

    def read(self, position: int) -> Step | Damage | None:
        """The member whose header stands at ``position``; ``None`` at the archive's proper end.

        Raises:
            OSError: the file cannot be read.
        """
        end = self._end
        block = self._fetch(BLOCK, position) if position + BLOCK <= end else b""
        if len(block) < BLOCK:
            return Damage("the archive ends without its end mark: it may have been cut short", position)
        ordinary: Step | Damage | None = None if self.pax_headers else read_ordinary(block, position)
        if ordinary is None and block == END:
            return _check_tail(self._fetch, position, end)
        found = ordinary or self._read_renamed(block, position)
        found = found or _read_unusual(self._window, position, self.pax_headers)
        if isinstance(found, Step):
            member = found.member
            missing = member.offset + member.size - end
            if missing > 0 and member.kind == "file":
                problem = f"the archive ends {missing} bytes before the end of this member"
                return Damage(problem, position, member.name, member)
        return found

    def _read_renamed(self, block: bytes, position: int) -> Step | None:
        """Read a file behind a pax header that changes no more than its name, times and owner.

        That is what ``tarfile`` writes for every file that it adds.
        """
        if self.pax_headers or block[156] != _PAX or (size := _read_size(block)) is None or size > _PIECE:
            return None
        length = -(-size // BLOCK) * BLOCK
        # From the header on, so that a stream does not have to go back to it.
        data = self._fetch(min(2 * BLOCK + length, self._end - position), position)[BLOCK:]
        fields = _read_pax(data[:size])
        step = read_ordinary(data[length:], position + BLOCK + length) if fields is not None else None
        if fields is None or step is None or step.member.kind != "file":
            return None
        return step._replace(member=step.member._replace(name=fields.get("path", step.member.name)))


_KINDS: dict[int, Kind] = {ord("0"): "file", 0: "file", ord("5"): "folder"}
_SPACES = b"\0 "
_PAX = ord("x")
_PAX_FIELD = re.compile(rb"([0-9]{1,6}) (path|[acm]time|[ug]id|[ug]name)=")


def read_ordinary(block: bytes, position: int) -> Step | None:
    """Read a header and say where the next one is, or ``None`` when there is anything unusual about it."""
    if len(block) < BLOCK:
        return None
    kind = _KINDS.get(block[156])
    # byte 345: the first of the name's prefix, or of other things, depending on the format
    if kind is None or block[345] or (size := _read_size(block)) is None:
        return None
    name = block[:100].partition(b"\0")[0].decode("utf-8", "surrogateescape")
    if kind == "folder":
        name = name.rstrip("/")
    if (size and kind == "folder") or name.endswith("/"):
        return None
    data = position + BLOCK
    return Step(Member(name, kind, data, size), data + -(-size // BLOCK) * BLOCK)


def _read_size(block: bytes) -> int | None:
    """The size in a header whose checksum is right and whose numbers are ordinary ones."""
    if block[135] not in _SPACES:
        return None
    try:
        size = int(block[124:135], 8)
        checksum = int(block[148:156].partition(b"\0")[0], 8)
    except ValueError:
        return None
    return size if size >= 0 and checksum == _sum_of(block) else None


def _read_pax(data: bytes) -> dict[str, str] | None:
    """The fields of a pax header, ``None`` where there is one that changes what the member is."""
    fields: dict[str, str] = {}
    position = 0
    while position < len(data):
        found = _PAX_FIELD.match(data, position)
        if found is None:
            return None
        end = position + int(found[1])
        value, mark = data[found.end() : end - 1], data[end - 1 : end]
        if not value or mark != b"\n" or b"\0" in value or value.endswith(b"/"):
            return None
        fields[found[2].decode()] = value.decode("utf-8", "surrogateescape")
        position = end
    return fields


def _sum_of(block: bytes) -> int:
    """A header's checksum: the sum of its bytes, those of the checksum itself counted as spaces."""
    # The low half of Adler-32 is the sum modulo 65521, which 256 bytes cannot reach; sum() takes five times as long.
    halves = (zlib.adler32(block[:256], 0) & 0xFFFF) + (zlib.adler32(block[256:], 0) & 0xFFFF)
    return halves - sum(block[148:156]) + 8 * ord(" ")


# What tarfile is known to raise on damaged headers, besides its own errors: unpacking numbers and sparse maps that
# are cut short, positions out of range, and endless chains of extended headers.
_TARFILE_GIVES_UP = (tarfile.TarError, ValueError, IndexError, OverflowError, RecursionError)


def _read_unusual(window: _Window, position: int, pax_headers: dict[str, str]) -> Step | Damage:
    """Let tarfile read one member; it adds to ``pax_headers`` what holds for the rest of the archive."""
    window.seek(position)
    try:
        archive = tarfile.TarFile(fileobj=window, encoding="utf-8", errors="surrogateescape", pax_headers=pax_headers)
        # not next(): where there is no header, it would read the byte before
        info: tarfile.TarInfo | None = archive.firstmember  # type: ignore[attr-defined]  # not in typeshed
    except _TARFILE_GIVES_UP as error:
        return Damage(f"the header cannot be read ({error})", position)
    # tarfile takes numbers from base-256 fields that are negative (it would go back, for ever) or have 88 bits.
    if info is None or not 0 <= info.size < UNKNOWN_END or not position < archive.offset < UNKNOWN_END:
        return Damage("there is no valid tar header", position)
    kind: Kind = "other"
    if info.isdir():
        kind = "folder"
    elif info.isreg() and not info.issparse():
        kind = "file"
    return Step(Member(info.name, kind, info.offset_data, info.size), archive.offset)


def _check_tail(fetch: Fetch, position: int, end: int) -> Damage | None:
    """Report what follows the end mark unless it is padding.

    More members can follow (archives strung together), or a long run of zeros: the holes of an unfinished download.
    """
    at = position
    holds_more = end < UNKNOWN_END and end - position > MAX_TAIL
    while not holds_more and at < end:
        piece = fetch(min(_PIECE, end - at), at)
        if not piece:
            break
        at += len(piece)
        holds_more = any(piece) or at - position > MAX_TAIL
    return Damage("more follows the end mark: other archives, or a file with holes", position) if holds_more else None


class _Window(io.RawIOBase):
    """An open file up to ``end``, read at positions of its own: what tarfile gets to see."""

    def __init__(self, fetch: Fetch, end: int) -> None:
        self._end = end
        self._fetch = fetch
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
        data = self._fetch(min(size, max(self._end - self._position, 0)), self._position)
        self._position += len(data)
        return data
