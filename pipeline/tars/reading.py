"""Walks a shard block by block, believing nothing: no library's tolerance, no name used as a path.

``tarfile`` takes a file that was cut between two members for a whole one, and follows links and long-name records. Here
each header must be, byte for byte, the one that packing writes for a member of that name and size.
"""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Protocol

from pipeline.tars.writing import BLOCK, END_OF_ARCHIVE, padding, tar_header
from schemas.errors import DatasetError

_OCTAL = re.compile(rb"[0-7]{11}")


class Readable(Protocol):
    """A file, or a stream, as far as it matters here."""

    def read(self, size: int, /) -> bytes:
        """The next ``size`` bytes; fewer only at the end."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a tar. The key ends, and the suffix begins, at the first dot: this is how all readers see it."""

    name: str
    data: bytes

    @property
    def key(self) -> str:
        """Everything before the first dot."""
        return self.name.partition(".")[0]

    @property
    def suffix(self) -> str:
        """Everything after the first dot."""
        return self.name.partition(".")[2]

    @property
    def size(self) -> int:
        """Bytes that it takes in the tar, with its header and the zeros behind it."""
        return BLOCK + len(self.data) + padding(len(self.data))


@dataclass(frozen=True, slots=True)
class Sample:
    """Neighbouring members with one key."""

    key: str
    suffixes: tuple[str, ...]
    """As they lie in the tar."""
    members: dict[str, bytes]
    """By suffix."""


def read_samples(path: Path, start: int = 0) -> Iterator[Sample]:
    """Group a shard's members as readers do, from the header at ``start`` on.

    Raises:
        DatasetError: see :func:`read_members`.
    """
    return group_members(read_members(path, start))


def group_members(members: Iterable[Member]) -> Iterator[Sample]:
    """Group neighbouring members with one key."""
    for key, group in groupby(members, key=lambda member: member.key):
        held = list(group)
        yield Sample(key, tuple(member.suffix for member in held), {member.suffix: member.data for member in held})


def find_samples(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the key of each of a shard's samples, and where its first header begins, skipping what members hold.

    Of a header only name and size are looked at: a key can be missing or odd where a shard is damaged, and
    :func:`read_samples` from there on tells.

    Raises:
        DatasetError: what should be a header has no size.
    """
    last = None
    with path.open("rb", buffering=0) as file:  # a buffer would read ahead into what is skipped
        offset = 0
        while (block := os.pread(file.fileno(), BLOCK, offset)) and any(block):
            key, size = _skim_header(block)
            if key != last:
                yield key, offset
            last = key
            offset += BLOCK + size + padding(size)


def read_members(path: Path, start: int = 0) -> Iterator[Member]:
    """Yield a shard's members, one in memory at a time, from the header at ``start`` on.

    Raises:
        DatasetError: a header is damaged or not of packing's making, or the file does not end as it must.
    """
    with path.open("rb") as file:
        file.seek(start)
        yield from stream_members(file, path.stat().st_size - start)


def stream_members(file: Readable, size: int) -> Iterator[Member]:
    """Yield the members of a shard of ``size`` bytes that is read once, from its beginning to its end.

    Raises:
        DatasetError: see :func:`read_members`.
    """
    if size % BLOCK:
        raise DatasetError(f"its size, {size:,} bytes, is no multiple of {BLOCK}: the file was cut or added to")
    last, left = "the beginning", size
    while (block := file.read(BLOCK)) and any(block):
        left -= BLOCK
        name, length = _read_header(block, last)
        if length > left:
            raise DatasetError(f"ends inside {name!r}")
        data = file.read(length)
        if len(data) != length:
            raise DatasetError(f"ends inside {name!r}")
        if any(file.read(padding(length))):
            raise DatasetError(f"{name!r} is followed by something else than zeros")
        left -= length + padding(length)
        yield Member(name, data)
        last = name
    _check_end(block, file, last)


def _skim_header(block: bytes) -> tuple[str, int]:
    """Key and size as USTAR keeps them: the name in the first 100 bytes, the size as octal digits from byte 124 on."""
    name = block[:100].partition(b"\0")[0].decode("utf-8", "surrogateescape")
    if not _OCTAL.fullmatch(size := block[124:135]):
        raise DatasetError(f"what should be the header of {name!a} has no size")
    return name.partition(".")[0], int(size, 8)


def _read_header(block: bytes, last: str) -> tuple[str, int]:
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise DatasetError(f"what follows {last!r} is no tar header ({error})") from error
    name = ascii(header.name)
    if not header.isreg() or header.type != tarfile.REGTYPE:
        raise DatasetError(f"{name} is no regular file (type {header.type!r})")
    if header.name.startswith("/") or ".." in header.name.split("/"):
        raise DatasetError(f"{name} is an unsafe name")
    try:
        expected = tar_header(header.name, header.size)
    except ValueError as error:
        raise DatasetError(f"{name} has no name or size that packing gives ({error})") from error
    if block != expected:
        raise DatasetError(f"{name} has a header that packing does not write (time, owner, mode or format)")
    return header.name, header.size


def _check_end(block: bytes, file: Readable, last: str) -> None:
    if not block:
        raise DatasetError(f"ends after {last!r} without the blocks of zeros that close a tar: the file was cut")
    rest = file.read(len(END_OF_ARCHIVE))
    if block + rest != END_OF_ARCHIVE:
        raise DatasetError(f"does not close with two blocks of zeros after {last!r}")
