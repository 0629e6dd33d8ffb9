"""Tar archives in memory."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping


def make_tar(members: Mapping[str, bytes]) -> bytes:
    """A plain tar of files, in the given order."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in members.items():
            archive.addfile(member(name, len(data)), io.BytesIO(data))
    return file.getvalue()


def gzip_tar(archive: bytes) -> bytes:
    """An archive as a gzip file, the same bytes every time. Fast, not small: photographs hardly shrink."""
    return gzip.compress(archive, compresslevel=1, mtime=0)


def member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    """The header of one member."""
    info = tarfile.TarInfo(name)
    info.size = size
    info.type = kind
    return info


def pad(data: bytes) -> bytes:
    """Data filled up to whole blocks of 512 bytes."""
    return data + bytes(-len(data) % 512)
