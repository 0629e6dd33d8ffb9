"""The ledger: every attempt of every teacher on every image, in immutable Parquet parts.

One writer per part; a part appears whole or not at all. There are no locks and no coordinator: what is missing is the
selection without the ledger. A killed run loses the requests in flight and the rows since the last part was closed.

A part's name says who wrote it, so that somebody who watches needs to open none.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import re
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from pipeline.tables import read_rows, write_rows
from schemas.completion import Completion


def ledger_directory(root: Path, teacher: str, fingerprint: str) -> Path:
    """Where the rows of one teacher's one way of generating lie."""
    return root / f"teacher={teacher}" / f"fingerprint={fingerprint}"


WORKER_VARIABLE = "IMAGENET_THINK_WORKER"
"""Environment variable that names the worker a process belongs to; the host's name where it is not set."""

_PART = re.compile(
    r"part-(?P<writer>[0-9a-f]{32})-(?P<number>[0-9]{6,})(-(?P<chunk>[0-9a-f]{16})-(?P<worker>.+))?\.parquet"
)
_NO_CHUNK = "0" * 16
_LONGEST_WORKER = 64


@dataclasses.dataclass(frozen=True, slots=True)
class PartName:
    """What a part's name says.

    Args:
        writer: the run that wrote it, 32 hexadecimal digits.
        number: counts the writer's parts from 1.
        chunk: the key of the chunk that the rows belong to; ``None`` where a whole selection was asked.
        worker: who wrote it, in a word; empty in ledgers of older versions.
    """

    writer: str
    number: int
    chunk: str | None
    worker: str

    def __str__(self) -> str:
        return f"part-{self.writer}-{self.number:06}-{self.chunk or _NO_CHUNK}-{self.worker}.parquet"

    @classmethod
    def parse(cls, name: str) -> PartName | None:
        """Read a file's name; ``None`` where it is no part's."""
        match = _PART.fullmatch(name)
        if match is None:
            return None
        chunk = match["chunk"]
        return cls(match["writer"], int(match["number"]), None if chunk == _NO_CHUNK else chunk, match["worker"] or "")


def is_part(name: str) -> bool:
    """Whether a file of this name is a finished part."""
    return name.startswith("part-") and name.endswith(".parquet")


def worker_name() -> str:
    """What this process's worker is called in the names of parts."""
    name = os.environ.get(WORKER_VARIABLE) or socket.gethostname()
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[:_LONGEST_WORKER] or "worker"


def leave_it_there(path: Path) -> None:
    """A part on a disk that everybody shares has arrived when it is written."""


class LedgerWriter:
    """Appends completions, closing a part every few seconds or rows.

    Not thread-safe: rows are added from one event loop; parts are written in a thread so that the loop goes on.

    Args:
        directory: where the parts go.
        part_rows: of a part, at most.
        part_seconds: age of a part's first row, at most.
        chunk: the key of the chunk that is asked, if it is one.
        landed: is given each part once it is written, in a thread of its own or when the run ends; what it raises
            ends the run.
    """

    def __init__(
        self,
        directory: Path,
        part_rows: int,
        part_seconds: float,
        chunk: str | None = None,
        landed: Callable[[Path], None] = leave_it_there,
    ) -> None:
        self.directory = directory
        self._part_rows = part_rows
        self._part_seconds = part_seconds
        self._landed = landed
        self._name = PartName(uuid.uuid4().hex, 0, chunk, worker_name())
        self._parts = 0
        self._buffer: list[Completion] = []
        self._due = asyncio.Event()
        self._closing = False

    def add(self, completion: Completion) -> None:
        """Take one row; it is on disk when the current part closes."""
        self._buffer.append(completion)
        if len(self._buffer) >= self._part_rows:
            self._due.set()

    def flush(self) -> None:
        """Close the current part here and now, before the event loop is held up.

        Raises:
            OSError: the part cannot be written.
        """
        self._write_part(*self._take_part())

    @contextlib.asynccontextmanager
    async def rolling(self) -> AsyncIterator[None]:
        """Close parts as they fill or age while the block runs, and the last one when it ends, however it ends.

        Raises:
            OSError: a part cannot be written; the block is cancelled.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._roll())
                yield
                self._closing = True
                self._due.set()
        finally:
            self.flush()

    async def _roll(self) -> None:
        while not self._closing:
            # not asyncio.wait_for: in Python 3.11 it swallows a cancellation that comes as its wait ends
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._part_seconds):
                    await self._due.wait()
            self._due.clear()
            await asyncio.to_thread(self._write_part, *self._take_part())

    def _take_part(self) -> tuple[Path, list[Completion]]:
        """Rows for the next part, and its name; taken in the loop's thread alone, so that no two are the same."""
        rows, self._buffer = self._buffer, []
        self._parts += 1
        return self.directory / str(dataclasses.replace(self._name, number=self._parts)), rows

    def _write_part(self, path: Path, rows: list[Completion]) -> None:
        if rows:
            write_rows(path, rows, Completion)
            self._landed(path)


class LedgerReader:
    """Reads the parts that stand in a ledger directory now, in a fixed order.

    Parts that other workers close later are not seen: whoever reads twice reads the same.

    Args:
        directory: where the parts lie.
        chunk: only those of this chunk, whoever asked it; all of them when left out.
    """

    def __init__(self, directory: Path, chunk: str | None = None) -> None:
        self._parts = sorted(directory.glob(f"part-*-{chunk}-*.parquet" if chunk else "part-*.parquet"))

    def parts(self) -> list[Path]:
        """The finished parts, by name."""
        return self._parts

    def rows(self) -> Iterator[Completion]:
        """Yield every row whole."""
        for part in self.parts():
            yield from read_rows(part, Completion)
