"""One uncompressed tar of images, or a tar of per-synset tars, read by offset without unpacking."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline.sources.entries import is_archive, is_unsafe, judge, printable, reject, unreadable
from pipeline.sources.headers import Damage, read_members
from schemas.errors import SourceError
from schemas.image import ImageRef
from schemas.rejection import Rejection, RejectReason

OPEN_FILES = 32
"""Archives kept open for reading."""

_COMPRESSIONS = {
    b"\x1f\x8b": "gzip",
    **{b"BZh%d1AY&SY" % level: "bzip2" for level in range(1, 10)},
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_LONGEST_MAGIC = 10
_UNPACK = {"gzip": "gunzip", "bzip2": "bunzip2", "xz": "unxz", "zstd": "unzstd"}


class TarSource:
    """One archive. A reference's container is ``.``, the archive itself, so that it can be renamed and moved."""

    form = "tar"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader = RangeReader(path)

    def scan(self) -> Iterator[ImageRef | Rejection]:
        """Every member but folders, in the archive's order; those of inner archives in their place."""
        return scan_archive(self._path, container=".", place="the archive")

    def read(self, ref: ImageRef) -> bytes:
        """One member."""
        return self._reader.read(ref)

    def file_of(self, ref: ImageRef) -> None:
        """None: every image is a member of the archive."""


def scan_archive(path: Path, container: str, place: str) -> Iterator[ImageRef | Rejection]:
    """Judge every member of the archive at ``path``, and of the archives in it.

    A member's name says what it is and is never used as a path. Where an archive breaks, what came before it stands
    and one rejection says where.

    Args:
        path: of the archive.
        container: what references call it.
        place: what it is called in rejections.

    Raises:
        SourceError: the archive cannot be read, or is compressed.
    """
    try:
        file = _OpenFile(path)
        size = os.fstat(file.descriptor).st_size
        _refuse_compressed(file.descriptor, 0, size, str(path))
        yield from _scan(_Archive(file.descriptor, 0, size, container, place))
    except OSError as error:
        raise unreadable(path, error) from error


class _Archive(NamedTuple):
    """An archive in bytes ``start`` to ``end`` of an open file."""

    descriptor: int
    start: int
    end: int
    container: str
    place: str
    inner: bool = False


def _scan(archive: _Archive) -> Iterator[ImageRef | Rejection]:
    if archive.inner:
        _refuse_compressed(archive.descriptor, archive.start, archive.end, archive.place)
    for found in read_members(archive.descriptor, archive.start, archive.end):
        where = f"{archive.place}: {found.name}" if found.name else archive.place
        if isinstance(found, Damage):
            detail = f"{where}: {found.problem} (byte {found.offset})"
            yield reject(RejectReason.ARCHIVE_DAMAGED, detail, found.name)
        elif found.kind == "folder":
            continue
        elif is_unsafe(found.name):
            yield reject(RejectReason.UNSAFE_NAME, where, found.name)
        elif found.kind == "other":
            yield reject(RejectReason.NOT_A_REGULAR_FILE, where, found.name)
        elif is_archive(found.name) and not archive.inner:
            start, end = found.offset, found.offset + found.size
            yield from _scan(archive._replace(start=start, end=end, place=where, inner=True))
        else:
            yield judge(found.name, archive.container, found.offset, found.size, where)


def _refuse_compressed(descriptor: int, start: int, end: int, place: str) -> None:
    refuse_compressed(os.pread(descriptor, min(_LONGEST_MAGIC, end - start), start), place)


def refuse_compressed(head: bytes, place: str) -> None:
    """Refuse an archive that starts like a compressed file.

    Raises:
        SourceError: it does; a member of it cannot be read without all that stand before it.
    """
    for magic, compression in _COMPRESSIONS.items():
        if head.startswith(magic):
            raise SourceError(
                f"{printable(place)} is compressed ({compression}), and only plain tar can be read by offset",
                f"unpack it once with {_UNPACK[compression]}: photographs hardly shrink, it takes about 1 % more space",
            )


class RangeReader:
    """Reads byte ranges of the files under ``root``, from any thread. A few stay open; none are pickled."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open = functools.lru_cache(OPEN_FILES)(_OpenFile)

    def __reduce__(self) -> tuple[type[RangeReader], tuple[Path]]:
        """Pickle the root alone."""
        return RangeReader, (self._root,)

    def read(self, ref: ImageRef) -> bytes:
        """The bytes of one image.

        Raises:
            SourceError: the file is gone, unreadable or shorter than the reference says.
        """
        path = self._root / ref.container
        try:
            data = self._open(path).read(ref.offset, ref.size)
        except OSError as error:
            raise unreadable(path, error) from error
        if len(data) != ref.size:
            raise SourceError(
                f"{printable(str(path))} ends inside {ref.image_id}, {ref.size - len(data)} bytes too early",
                "restore it, or index again",
            )
        return data


class _OpenFile:
    """A file that is closed when nobody holds it any more: not while another thread still reads from it."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self.descriptor, size, offset)

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)
