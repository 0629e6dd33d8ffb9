"""How far an archive that can only be read in order was read, and what it costs to get there again."""

from __future__ import annotations

import time
from pathlib import Path

from pydantic import Field, ValidationError

from pipeline.files import write_atomic
from pipeline.lines import printable
from pipeline.sources.entries import unreadable
from schemas.base import Contract, canonical_json

MARKS = 64
"""Marks that are remembered: of one batch each, so some gigabytes back."""

_FILE = "pass.json"
LARGE = 2**30
"""Bytes from which on it is worth saying beforehand what a pass costs."""


class Pass(Contract):
    """One reading of an archive. It decides where a scan enters, never what it finds."""

    size: int
    """Of the archive, in bytes. By this and the next it is recognised."""
    mtime_ns: int
    packed: int = Field(default=0, ge=0)
    """Bytes of the archive that were used up."""
    unpacked: int = Field(default=0, ge=0)
    rate: float = Field(default=0.0, ge=0)
    """Unpacked bytes per second."""
    finished: bool = False
    marks: tuple[int, ...] = ()
    """Offsets, unpacked, of headers at which a scan can begin."""

    @classmethod
    def of(cls, archive: Path) -> Pass:
        """One that did not begin yet.

        Raises:
            SourceError: the archive cannot be looked at.
        """
        try:
            status = archive.stat()
        except OSError as error:
            raise unreadable(archive, error) from error
        return cls(size=status.st_size, mtime_ns=status.st_mtime_ns)

    def is_of_same(self, other: Pass) -> bool:
        """Whether both are of one archive, unchanged."""
        return (self.size, self.mtime_ns) == (other.size, other.mtime_ns)

    def mark_before(self, position: int) -> int:
        """The last header known at which a scan can begin that is to go on at a position."""
        return max((mark for mark in self.marks if mark <= position), default=0)

    def minutes(self, unpacked: int) -> str:
        """How long so many bytes take, as far as the rate is known."""
        return f", about {unpacked / self.rate / 60:.0f} minutes at {self.rate / 1e6:.0f} MB/s" if self.rate else ""


def load_pass(directory: Path) -> Pass | None:
    """The last pass that was noted, or ``None``."""
    try:
        return Pass.model_validate_json((directory / _FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def save_pass(directory: Path, done: Pass) -> None:
    """Note how far a pass came.

    Raises:
        OSError: the directory cannot be written.
    """
    write_atomic(directory / _FILE, canonical_json(done.model_dump()) + b"\n")


def announce(path: Path, now: Pass, last: Pass | None) -> str | None:
    """What to say before an archive is read without an index for seeking: what a restart costs."""
    name = f"{printable(str(path))} can only be read from its beginning"
    advice = "source.seek_index: true keeps an index with which it is entered in its middle (0.1 % of its size)"
    if last is not None and last.is_of_same(now):
        if last.finished or not last.packed:
            return None
        again = f"{last.packed / 1e9:.1f} of {now.size / 1e9:.1f} GB are unpacked again{last.minutes(last.unpacked)}"
        return f"{name}: to go on, {again}; {advice}"
    if now.size < LARGE:
        return None
    return f"{name}: whoever interrupts its {now.size / 1e9:.0f} GB waits for them again; {advice}"


class Stopwatch:
    """Measures the rate of a pass."""

    def __init__(self, unpacked: int) -> None:
        self._began = time.monotonic()
        self._unpacked = unpacked

    def rate(self, unpacked: int) -> float:
        """Unpacked bytes per second since the start, at which ``unpacked`` was the offset given then."""
        return (unpacked - self._unpacked) / max(time.monotonic() - self._began, 1e-3)
