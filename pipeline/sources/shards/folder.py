"""A folder of shard files, each a container, and whatever lies beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import filterfalse, islice
from pathlib import Path

from pipeline.sources.base import Batch, Container
from pipeline.sources.entries import judge_file, unreadable
from pipeline.sources.folders.listing import leads_to_file, walk

LOOSE = "."
"""Container of all files beside the shards."""

_LOOSE_BATCH = 4096


class ShardFolder:
    """Everything under ``root``. Links to shards are followed, since the hub's cache consists of them.

    Args:
        root: of the folder.
        suffixes: of the shards' names, in lower case.
        scanner: names the code that lists a shard, and its version; part of every container's key.
    """

    def __init__(self, root: Path, suffixes: tuple[str, ...], scanner: str) -> None:
        self._root = root
        self._suffixes = suffixes
        self._scanner = scanner

    def is_shard(self, path: str) -> bool:
        """Whether an entry is a shard, by its name."""
        return path.lower().endswith(self._suffixes) and leads_to_file(self._root / path)

    def shards(self) -> Iterator[str]:
        """Their paths relative to the root, in the order of their names."""
        return filter(self.is_shard, walk(self._root))

    def containers(self, measure: Callable[[str, int], int]) -> Iterator[Container]:
        """The shards in the order of their names, then all other files together.

        Args:
            measure: tells a container's end from its path and its size in bytes.

        Raises:
            SourceError: a folder or a shard cannot be read.
        """
        loose = hashlib.sha256()
        count = size = 0
        for path in walk(self._root):
            is_shard = self.is_shard(path)
            try:
                facts = (self._root / path).stat(follow_symlinks=is_shard)
            except OSError as error:
                raise unreadable(self._root / path, error) from error
            identity = f"{path}\0{facts.st_size}\0{facts.st_mtime_ns}\0{self._scanner}".encode(
                "utf-8", "surrogateescape"
            )
            if is_shard:
                key = hashlib.sha256(identity).hexdigest()
                yield Container(path, 0, measure(path, facts.st_size), key, facts.st_size)
            else:
                loose.update(identity)
                count, size = count + 1, size + facts.st_size
        if count:
            yield Container(LOOSE, 0, count, loose.hexdigest(), size)

    def scan_loose(self, start: int, companions: frozenset[str] = frozenset()) -> Iterator[Batch]:
        """The files beside the shards; those called like one of ``companions`` are neither images nor rejected."""
        files = islice(filterfalse(self.is_shard, walk(self._root)), start, None)
        while batch := list(islice(files, _LOOSE_BATCH)):
            others = [path for path in batch if path.rpartition("/")[2] not in companions]
            start += len(batch)
            yield Batch.of([judge_file(self._root, path) for path in others], len(batch) - len(others), start)
