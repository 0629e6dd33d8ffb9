"""Rows on their way to the shards: sorted into one file per shard, so that no shard needs all rows in memory.

A spool file holds lines ``slot<TAB>row``, the rows in JSON, in the order in which they came. Each slot is filled once.
"""

from __future__ import annotations

import hashlib
from array import array
from pathlib import Path

from schemas.errors import ConservationError

BUFFER_BYTES = 16 * 2**20
"""Rows held back before they are appended to their files: few open files, long writes."""


class Spool:
    """Sorts rows into one file per shard, in bounded memory and with one open file at a time."""

    def __init__(self, directory: Path, suffix: str, shards: int) -> None:
        self._directory = directory
        self._suffix = suffix
        self._digests = [0] * shards
        self._waiting: dict[int, list[bytes]] = {}
        self._bytes = 0
        directory.mkdir(parents=True, exist_ok=True)

    def path(self, shard: int) -> Path:
        """The file that holds this shard's rows."""
        return self._directory / f"{shard:05d}.{self._suffix}"

    def digest(self, shard: int) -> str:
        """Names the set of this shard's rows, whatever the order in which they came."""
        return f"{self._digests[shard]:064x}"

    def add(self, shard: int, slot: int, row: bytes) -> None:
        """Send one row of JSON to a slot of a shard."""
        line = b"%d\t%b\n" % (slot, row)
        self._waiting.setdefault(shard, []).append(line)
        self._digests[shard] = (self._digests[shard] + int.from_bytes(hashlib.sha256(line).digest(), "big")) % 2**256
        self._bytes += len(line)
        if self._bytes >= BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Append everything that waits to its file."""
        for shard, lines in self._waiting.items():
            with self.path(shard).open("ab") as file:
                file.writelines(lines)
        self._waiting.clear()
        self._bytes = 0


class SpoolReader:
    """Random access to the rows of one spool file.

    Raises:
        ConservationError: a slot is filled twice or not at all.
    """

    def __init__(self, path: Path, slots: int) -> None:
        self._offsets = array("q", [-1]) * slots
        self._file = path.open("rb")
        offset = 0
        for line in self._file:
            slot, _, row = line.partition(b"\t")
            if self._offsets[int(slot)] >= 0:
                raise ConservationError(f"{path}: slot {int(slot)} is filled twice")
            self._offsets[int(slot)] = offset + len(line) - len(row)
            offset += len(line)
        if -1 in self._offsets:
            raise ConservationError(f"{path}: slot {self._offsets.index(-1)} is empty")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __getitem__(self, slot: int) -> bytes:
        """The row in a slot."""
        self._file.seek(self._offsets[slot])
        return self._file.readline()
