"""Tar files whose bytes are a function of their members' names and contents alone."""

from __future__ import annotations

import tarfile

BLOCK = 512
END_OF_ARCHIVE = bytes(2 * BLOCK)
"""Two blocks of zeros. A reader that does not find them knows that the file was cut."""


def tar_header(name: str, size: int) -> bytes:
    """The one header that a member of this name and size has: USTAR, mode 644, no owner, no time.

    Raises:
        ValueError: the name or the size does not fit a USTAR header.
    """
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def tar_member(name: str, data: bytes) -> bytes:
    """One member: its header, its bytes, and zeros up to the next block.

    Raises:
        ValueError: the name or the size does not fit a USTAR header.
    """
    return b"".join((tar_header(name, len(data)), data, bytes(padding(len(data)))))


def padding(size: int) -> int:
    """Number of zeros that follow a member of ``size`` bytes."""
    return -size % BLOCK
