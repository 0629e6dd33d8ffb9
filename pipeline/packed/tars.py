"""Walks a shard block by block, believing nothing: no library's tolerance, no name used as a path.

``tarfile`` takes a file that was cut between two members for a whole one, and follows links and long-name records. Here
each header must be, byte for byte, the one that packing writes for a member of that name and size.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from pipeline.packing.tarball import BLOCK, END_OF_ARCHIVE, padding, tar_header
from schemas.errors import DatasetError


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


@dataclass(frozen=True, slots=True)
class Sample:
    """Neighbouring members with one key."""

    key: str
    suffixes: tuple[str, ...]
    """As they lie in the tar."""
    members: dict[str, bytes]
    """By suffix."""


def read_samples(path: Path) -> Iterator[Sample]:
    """Group a shard's members as readers do.

    Raises:
        DatasetError: see :func:`read_members`.
    """
    for key, group in groupby(read_members(path), key=lambda member: member.key):
        members = list(group)
        yield Sample(
            key, tuple(member.suffix for member in members), {member.suffix: member.data for member in members}
        )


def read_members(path: Path) -> Iterator[Member]:
    """Yield a shard's members, one in memory at a time.

    Raises:
        DatasetError: a header is damaged or not of packing's making, or the file does not end as it must.
    """
    size = path.stat().st_size
    if size % BLOCK:
        raise DatasetError(f"its size, {size:,} bytes, is no multiple of {BLOCK}: the file was cut or added to")
    with path.open("rb") as file:
        last = "the beginning"
        while (block := file.read(BLOCK)) and any(block):
            name, length = _read_header(block, last)
            if length > size - file.tell():
                raise DatasetError(f"ends inside {name!r}")
            data = file.read(length)
            if any(file.read(padding(length))):
                raise DatasetError(f"{name!r} is followed by something else than zeros")
            yield Member(name, data)
            last = name
        _check_end(block, file, last)


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


def _check_end(block: bytes, file: BinaryIO, last: str) -> None:
    if not block:
        raise DatasetError(f"ends after {last!r} without the blocks of zeros that close a tar: the file was cut")
    rest = file.read(len(END_OF_ARCHIVE))
    if block + rest != END_OF_ARCHIVE:
        raise DatasetError(f"does not close with two blocks of zeros after {last!r}")
