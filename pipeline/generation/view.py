"""Where the ledger leaves each image of one teacher, kept up while others write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc

from pipeline.generation.ledger import PartName, is_part
from pipeline.generation.results import LedgerResults, Standing
from pipeline.generation.setup import TeacherSetup, read_results
from pipeline.tables import read_columns


@dataclass(frozen=True, slots=True)
class NewPart:
    """A part of the ledger that was not there before.

    Args:
        name: who wrote it; ``None`` where its name does not tell.
        images: what it holds rows of.
        began: when the first of its requests was sent, by the writer's clock; seconds since the epoch.
        ended: when the last of its texts was finished, likewise.
    """

    name: PartName | None
    images: AbstractSet[str]
    began: float
    ended: float


class LedgerView:
    """One teacher's standings. Parts are immutable, so that each is read once.

    Args:
        setup: the teacher, as it is asked today.
        ledger: the ledger's root.
    """

    def __init__(self, setup: TeacherSetup, ledger: Path) -> None:
        self.standings: dict[str, Standing] = {}
        self._setup = setup
        self._ledger = ledger
        self._seen: set[str] = set()

    def refresh(self) -> Iterator[NewPart]:
        """Read what was written since the last time, part by part.

        Raises:
            RunDirectoryError: a part is damaged, or the teacher was asked in another way than today's.
        """
        results = read_results(self._setup, self._ledger)
        if results is None:
            return
        names = set(os.listdir(results.directory)) if results.directory.exists() else set()  # noqa: PTH208 - names alone
        unseen = sorted(name for name in names - self._seen if is_part(name))
        for name in unseen:
            yield self._take(results.directory / name, results)

    def _take(self, part: Path, results: LedgerResults) -> NewPart:
        images = results.tally(part, self.standings)
        times = read_columns(part, ["started_at", "seconds"])
        ended = pc.max(pc.add(times["started_at"], times["seconds"])).as_py()
        self._seen.add(part.name)
        return NewPart(PartName.parse(part.name), images, pc.min(times["started_at"]).as_py(), ended)
