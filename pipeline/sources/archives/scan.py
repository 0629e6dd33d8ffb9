"""What the members of a tar are: its images as columns, everything else with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.sources.archives.blocks import MEMBERS, NAME, Chunk, ChunkReader
from pipeline.sources.archives.columns import Numbers, image_table, in_order
from pipeline.sources.archives.compressed import LONGEST_MAGIC, refuse_compressed
from pipeline.sources.archives.headers import Fetch, Member
from pipeline.sources.archives.judging import judge_member
from pipeline.sources.archives.names import LONGEST, Found, find_images
from pipeline.sources.base import Batch
from pipeline.sources.entries import is_utf8
from schemas.image import IndexedImage
from schemas.rejection import Rejection

_BEGINNINGS_TRIED = 16
"""Folders of different depth or length among the members of one chunk; what is beyond them is judged one by one."""


@dataclass(frozen=True, slots=True)
class Archive:
    """An uncompressed archive in bytes ``start`` to ``end`` of an open file."""

    fetch: Fetch
    start: int
    end: int
    container: str
    """What references call the file."""
    place: str
    """What the archive is called in rejections."""
    dimensions: bool
    inner: bool = False
    """It lies in another one: archives in it are not looked into."""
    skips_archives: bool = False
    """Archives in it are scanned by themselves."""
    members: int = MEMBERS
    """Of a batch, at most."""


def scan_archive(archive: Archive, start: int) -> Iterator[Batch]:
    """Judge every member from a position on, and those of archives in it in their places; folders are no entries.

    A member's name says what it is and is never used as a path. Where an archive breaks, what came before it stands
    and one rejection says where.

    Positions are those of headers, which are even. Where what went before has a say in what a header means (a global
    pax header is in force, or the archive it stands in lies in this one), the position is one more: then the headers
    are read from the beginning, and the entries before are left out. So it is where only the damage is left to be said
    that there is no end mark: the end itself says that nothing is left.

    Args:
        archive: not compressed.
        start: the archive's, or a batch's position.

    Raises:
        SourceError: an archive in it is compressed.
        OSError: the file cannot be read.
    """
    if start == archive.end > archive.start:
        return
    if start & 1:
        yield from _scan(archive, archive.start, start - 1)
    else:
        yield from _scan(archive, start, start)


def _scan(archive: Archive, position: int, done: int, *, nested: bool = False) -> Iterator[Batch]:
    """Scan from the header at ``position``; entries before byte ``done`` are known."""
    reader = ChunkReader(archive.fetch, archive.end, done if archive.dimensions else None, archive.members)
    ended = False
    while not ended:
        chunk = reader.read(position)
        position, ended = chunk.following, chunk.ended
        flag = nested or reader.has_context
        last = position if ended else position | flag
        judged = _judge(archive, chunk, done)
        begin = 0
        for row, member in judged.archives:
            if begin < row:
                yield judged.batch(begin, row, chunk.positions[row] | 1)
            begin = row + 1
            following = last
            if begin < len(chunk.positions):
                following = chunk.positions[begin]
                following |= flag or following >= archive.end
            yield from _scan_inner(archive, member, done, following)
        if begin < len(chunk.blocks) and (ended or last > done):
            yield judged.batch(begin, len(chunk.blocks), last)


def _scan_inner(archive: Archive, member: Member, done: int, following: int) -> Iterator[Batch]:
    """Scan an archive in another, in which ``following`` is the next position."""
    start, end = member.offset, min(member.offset + member.size, archive.end)
    if end <= done:
        return
    place = f"{archive.place}: {member.name}"
    refuse_compressed(archive.fetch(LONGEST_MAGIC, start)[: member.size], place)
    last: Batch | None = None
    inner = replace(archive, start=start, end=end, place=place, inner=True)
    for batch in _scan(inner, start, done, nested=True):
        if last is not None:
            yield last
        last = batch
    if last is not None:
        yield replace(last, position=following)


@dataclass(frozen=True, slots=True)
class _Judged:
    """The entries of a chunk; rows are the numbers of its members."""

    images: pa.Table
    rows: Numbers
    """Of the images, ascending."""
    rejections: list[tuple[int, Rejection]]
    archives: list[tuple[int, Member]]

    def batch(self, begin: int, end: int, position: int) -> Batch:
        """The entries in some of the rows."""
        first, last = np.searchsorted(self.rows, [begin, end]).tolist()
        rejections = [rejection for row, rejection in self.rejections if begin <= row < end]
        return Batch(self.images.slice(first, last - first), rejections, 0, position)


def _judge(archive: Archive, chunk: Chunk, done: int) -> _Judged:
    offsets, sizes = chunk.places()
    found = _find_images(chunk, (offsets > done) & is_utf8(archive.container))
    rows = np.flatnonzero(found.is_image)
    headers = [chunk.looks[row] for row in rows.tolist()] if archive.dimensions else []
    containers = pa.repeat(archive.container, len(rows))
    images = image_table(found, containers, offsets[rows], sizes[rows], headers)
    others: dict[int, IndexedImage] = {}
    judged = _Judged(images, rows, [], [])
    for row in np.flatnonzero(~found.is_image).tolist():
        found_here = chunk.member(row)
        header = chunk.looks[row] if archive.dimensions else None
        entry = judge_member(found_here, archive.container, archive.place, inner=archive.inner, header=header)
        if isinstance(entry, Member):
            if not archive.skips_archives:
                judged.archives.append((row, entry))
        elif offsets[row] < done + isinstance(found_here, Member):  # empty data begin where the next header stands
            continue
        elif isinstance(entry, Rejection):
            judged.rejections.append((row, entry))
        elif entry is not None:
            others[row] = entry
    images, rows = in_order(images, rows, others)
    return replace(judged, images=images, rows=rows)


def _find_images(chunk: Chunk, wanted: npt.NDArray[np.bool_]) -> Found:
    """Find the members that are surely images: files with a name that is one's, and safe."""
    headers = chunk.headers()
    ends = chunk.name_ends()
    wanted = wanted & (headers[:, 0] != ord("/")) & ~_may_climb(headers[:, :NAME])
    windows = np.zeros((len(headers), LONGEST), dtype=np.uint8)
    lengths = np.zeros(len(headers), dtype=np.int64)
    # Where the last part of a path begins is the same for most neighbours: that of one is tried with all others.
    for _ in range(_BEGINNINGS_TRIED):
        if not wanted.any():
            break
        row = int(np.argmax(wanted))
        begin = headers[row, : ends[row]].tobytes().rfind(b"/") + 1
        here = wanted & (ends > begin)
        if begin:
            here &= headers[:, begin - 1] == ord("/")
        here &= headers[:, begin] == ord("n")
        windows[here] = headers[here, begin : begin + LONGEST]
        lengths[here] = ends[here] - begin
        wanted &= ~here
        wanted[row] = False
    return find_images(windows, lengths)


def _may_climb(names: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which names have two dots in a row."""
    dots = np.ascontiguousarray(names == ord("."))
    pairs = dots[:, :-1] & dots[:, 1:]
    return pairs.any(axis=1) if pairs.any() else np.zeros(len(names), dtype=np.bool_)
