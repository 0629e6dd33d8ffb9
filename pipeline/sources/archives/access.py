"""Two ways of reading an archive's headers: only these, or everything in order, whichever the medium does faster."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from pipeline.sources.archives.headers import Fetch
from pipeline.sources.options import ScanMode

READ_AHEAD = 4 * 2**20
"""Bytes that are read at once when all are read in order. Over a longer gap it is faster to seek, even on a disk that
turns: 10 ms at 200 MB/s are 2 MB."""

_DEVICES = Path("/sys/dev/block")


def fetching(descriptor: int, mode: ScanMode) -> Fetch:
    """How an open file is to be read.

    Raises:
        OSError: the file cannot be looked at.
    """
    if mode == "auto":
        mode = "sequential" if seeks_slowly(os.fstat(descriptor).st_dev) else "random"
    if mode == "sequential":
        return InOrder(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)  # else every header brings many pages of its photograph
    return partial(os.pread, descriptor)


def seeks_slowly(device: int, devices: Path = _DEVICES) -> bool:
    """Whether a file system's medium turns, or is none of this machine's (shares have no block device), or unknown.

    Args:
        device: ``st_dev`` of a file.
        devices: where the kernel lists block devices.
    """
    place = devices / f"{os.major(device)}:{os.minor(device)}"
    for queue in (place / "queue", place / ".." / "queue"):  # a partition has its disk's
        try:
            return (queue / "rotational").read_text().strip() != "0"
        except OSError:
            continue
    return True


class InOrder:
    """Reads a file forward in large pieces, and tells the system that it will not come back to them.

    Holds at most two pieces and what is asked for beyond them, so that a few steps back cost nothing.
    """

    def __init__(self, descriptor: int, piece: int = READ_AHEAD) -> None:
        self._descriptor = descriptor
        self._piece = piece
        self._begin = 0
        self._held = b""
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)

    def __call__(self, length: int, position: int) -> bytes:
        """Read like ``os.pread``."""
        start = position - self._begin
        if not 0 <= start <= len(self._held) - length:
            self._turn_to(length, position)
            start = position - self._begin
        return self._held[start : start + length]

    def _turn_to(self, length: int, position: int) -> None:
        read = self._begin + len(self._held)
        # A short gap is read along: the medium need not seek then.
        goes_on = self._begin <= position < read + self._piece
        begin = read if goes_on else position
        fresh = os.pread(self._descriptor, max(self._piece, position + length - begin), begin)
        passed = min(position - self._begin, len(self._held) - self._piece) if goes_on else len(self._held)
        kept = self._held[max(passed, 0) :]
        os.posix_fadvise(self._descriptor, self._begin, len(self._held) - len(kept), os.POSIX_FADV_DONTNEED)
        self._begin, self._held = begin - len(kept), kept + fresh
