"""The ledger: every attempt of every teacher on every image, in immutable Parquet parts.

One writer per part; a part appears whole or not at all. There are no locks and no coordinator: what is missing is the
selection without the ledger. A killed run loses the requests in flight and the rows since the last part was closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from pipeline.tables import read_rows, write_rows
from schemas.completion import Completion


def ledger_directory(root: Path, teacher: str, fingerprint: str) -> Path:
    """Where the rows of one teacher's one way of generating lie."""
    return root / f"teacher={teacher}" / f"fingerprint={fingerprint}"


class LedgerWriter:
    """Appends completions, closing a part every few seconds or rows.

    Not thread-safe: rows are added from one event loop; parts are written in a thread so that the loop goes on.
    """

    def __init__(self, directory: Path, part_rows: int, part_seconds: float) -> None:
        self.directory = directory
        self._part_rows = part_rows
        self._part_seconds = part_seconds
        self._name = uuid.uuid4().hex
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
        _write_part(*self._take_part())

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
            await asyncio.to_thread(_write_part, *self._take_part())

    def _take_part(self) -> tuple[Path, list[Completion]]:
        """Rows for the next part, and its name; taken in the loop's thread alone, so that no two are the same."""
        rows, self._buffer = self._buffer, []
        self._parts += 1
        return self.directory / f"part-{self._name}-{self._parts:06}.parquet", rows


def _write_part(path: Path, rows: list[Completion]) -> None:
    if rows:
        write_rows(path, rows, Completion)


class LedgerReader:
    """Reads the parts that stand in a ledger directory now, in a fixed order.

    Parts that other workers close later are not seen: whoever reads twice reads the same.
    """

    def __init__(self, directory: Path) -> None:
        self._parts = sorted(directory.glob("part-*.parquet"))

    def parts(self) -> list[Path]:
        """The finished parts, by name."""
        return self._parts

    def rows(self) -> Iterator[Completion]:
        """Yield every row whole."""
        for part in self.parts():
            yield from read_rows(part, Completion)
