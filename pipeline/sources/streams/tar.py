"""A tar that streams by: its members in order, each with its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from pipeline.sources.archives.compressed import LONGEST_MAGIC, refuse_compressed
from pipeline.sources.archives.headers import BLOCK, UNKNOWN_END, Damage, Fetch, HeaderReader, Member
from pipeline.sources.archives.judging import judge_member
from pipeline.sources.entries import identify, reject
from pipeline.sources.probe import HEAD_BYTES, Header, probe
from schemas.image import IndexedImage
from schemas.rejection import Rejection, RejectReason

MAX_HELD = 32 * 2**20
"""Bytes of an image that are held in memory; larger ones are listed, and not kept as they pass."""


class Passing(NamedTuple):
    """An entry that passes."""

    header: int
    """Offset of its header: grows from entry to entry."""
    entry: IndexedImage | Rejection
    data: bytes | None
    """An image's bytes, unless they are too many."""


class Stream(Protocol):
    """Where the bytes come from."""

    unpacked: int
    """Offset behind the last byte that came: once it has ended, its end."""
    damage: str | None
    """Why it ended, if not properly."""


class StreamedTar:
    """One tar, flat or of tars, in a stream. The same entries as of the tar on disk, in the same places.

    Where the stream breaks off, what came before stands, and one rejection says where and why.

    Args:
        stream: the stream.
        fetch: reads it at offsets that only grow, but for the header at hand.
        container: what references call it.
        dimensions: whether images' first bytes are looked at.
    """

    PLACE = "the archive"
    """What the outer archive is called in rejections."""

    def __init__(self, stream: Stream, fetch: Fetch, container: str, *, dimensions: bool) -> None:
        self.entrance = 0
        """Offset of the last header so far at which :meth:`entries` can begin."""
        self._stream = stream
        self._fetch = fetch
        self._container = container
        self._dimensions = dimensions
        self._is_told = False

    def entries(self, start: int = 0) -> Iterator[Passing]:
        """Every entry from a header of the outer archive on.

        Raises:
            SourceError: an archive in it is compressed.
        """
        yield from self._walk(start, UNKNOWN_END, self.PLACE, inner=False)
        if self._stream.damage and not self._is_told:  # behind the archive's proper end
            detail = f"{self.PLACE}: {self._stream.damage}"
            yield Passing(self._stream.unpacked, reject(RejectReason.ARCHIVE_DAMAGED, detail), None)

    def _walk(self, position: int, end: int, place: str, *, inner: bool) -> Iterator[Passing]:
        if inner or position == 0:
            refuse_compressed(self._fetch(LONGEST_MAGIC, position)[: end - position], place)
        headers = HeaderReader(self._fetch, end)
        while True:
            if not inner and not headers.pax_headers:
                self.entrance = position
            step = headers.read(position)
            if step is None:
                return
            if isinstance(step, Damage):
                yield self._break(step, position + BLOCK, place, inner=inner)
                return
            member = step.member
            member_end = member.offset + member.size
            data, header = self._look(member)
            found = judge_member(member, self._container, place, inner=inner, header=header)
            if isinstance(found, Member):
                yield from self._walk(member.offset, member_end, f"{place}: {member.name}", inner=True)
                if self._ends_before(member_end):
                    return
            elif member.kind == "file" and self._ends_before(member_end):
                problem = f"the archive ends {member_end - self._stream.unpacked} bytes before the end of this member"
                yield self._break(Damage(problem, position, member.name), member_end, place, inner=inner)
                return
            elif found is not None:
                yield Passing(position, found, data)
            position = step.following

    def _look(self, member: Member) -> tuple[bytes | None, Header | None]:
        """An image's bytes, unless they are too many, and what the first of them tell."""
        if member.kind != "file" or identify(member.name) is None:
            return None, None
        data = self._fetch(member.size, member.offset) if member.size <= MAX_HELD else None

        def read(offset: int, length: int) -> bytes:
            if data is not None:
                return data[offset : offset + length]
            return self._fetch(max(0, min(length, member.size - offset)), member.offset + offset)

        return data, probe(read(0, HEAD_BYTES), read) if self._dimensions else None

    def _break(self, damage: Damage, needed: int, place: str, *, inner: bool) -> Passing:
        """Tell why an archive cannot be read further: the stream says it where it ends before what was needed."""
        if self._stream.damage and self._ends_before(needed):
            damage = damage._replace(problem=self._stream.damage)
            self._is_told = True
        rejection = judge_member(damage._replace(cut_off=None), self._container, place, inner=inner)
        assert isinstance(rejection, Rejection)
        return Passing(damage.offset, rejection, None)

    def _ends_before(self, offset: int) -> bool:
        """Whether the stream ends before an offset; reads on up to it."""
        return offset > self._stream.unpacked and not self._fetch(1, offset - 1)
