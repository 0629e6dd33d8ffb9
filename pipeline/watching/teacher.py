"""One teacher's part of the ledger, kept up while others write: each part is read once."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pipeline.generation.ledger import PartName, is_part
from pipeline.generation.results import LedgerResults, RungCounts, Standing
from pipeline.generation.setup import TeacherSetup, read_results
from pipeline.watching.outcomes import Outcome, read_outcomes
from schemas.completion import PairStatus


@dataclass(frozen=True, slots=True)
class UnreadPart:
    """A part that was not there before.

    Args:
        path: its file.
        written: when it was, by the file server's clock; seconds since the epoch.
    """

    path: Path
    written: float


@dataclass(frozen=True, slots=True)
class PartNote:
    """What is remembered of a part.

    Args:
        worker: who wrote it; ``None`` where nobody was asked, as when images are given up that break every run.
        began: when the first of its requests was sent; seconds since the epoch.
        ended: when the last of its texts was finished.
        attempts: its rows.
        settled: images that needed no further attempt after it, and did before.
        tokens: of all its texts.
    """

    worker: str | None
    began: float
    ended: float
    attempts: int
    settled: int
    tokens: int


class TeacherWatch:
    """Counts of one teacher.

    Args:
        setup: the teacher, as it is asked today.
        ledger: the ledger's root.
        max_attempts: after which an image is settled without a valid pair.
    """

    def __init__(self, setup: TeacherSetup, ledger: Path, max_attempts: int) -> None:
        self.setup = setup
        self.standings: dict[str, Standing] = {}
        self.notes: list[PartNote] = []
        self.rungs = RungCounts()
        self.failed: Counter[PairStatus] = Counter()
        self._ledger = ledger
        self._max_attempts = max_attempts
        self._results: LedgerResults | None = None
        self._seen: set[str] = set()

    def list_unread(self) -> list[UnreadPart]:
        """Parts that came since, the oldest first, so that an image counts for whoever settled it.

        Raises:
            RunDirectoryError: the teacher was asked in another way than today's.
        """
        self._results = self._results or read_results(self.setup, self._ledger)
        if self._results is None or not self._results.directory.exists():
            return []
        with os.scandir(self._results.directory) as entries:
            new = [entry for entry in entries if entry.name not in self._seen and is_part(entry.name)]
            parts = [UnreadPart(Path(entry.path), entry.stat().st_mtime) for entry in new]
        return sorted(parts, key=lambda part: (part.written, part.path.name))

    def read(self, part: UnreadPart) -> None:
        """Take a part into account.

        Raises:
            RunDirectoryError: it is damaged.
        """
        assert self._results is not None
        outcomes = list(read_outcomes(part.path, self._results))
        self._seen.add(part.path.name)
        if outcomes:
            waiting = {outcome.image_id for outcome in outcomes if self.is_pending(outcome.image_id)}
            for outcome in outcomes:
                self._count(outcome)
            self.notes.append(_note(part, outcomes, sum(not self.is_pending(image_id) for image_id in waiting)))

    def is_pending(self, image_id: str) -> bool:
        """Whether the teacher is to be asked about an image, for the first time or again."""
        standing = self.standings.get(image_id)
        return standing is None or standing.is_pending(self._max_attempts)

    def _count(self, outcome: Outcome) -> None:
        assert self._results is not None
        cut_short = self._results.is_cut_short(outcome.status, outcome.max_tokens)
        standing = self.standings.setdefault(outcome.image_id, Standing())
        standing.note(outcome.attempt, outcome.status, counts=not cut_short)
        if cut_short:
            self.rungs.superseded += 1
            return
        self.rungs.asked[outcome.rung] += 1
        if outcome.status is PairStatus.OK:
            self.rungs.accepted[outcome.rung] += 1
        else:
            self.failed[outcome.status] += 1


def _note(part: UnreadPart, outcomes: list[Outcome], settled: int) -> PartNote:
    """Sum a part up.

    The time is that of the rows, since files that were copied or fetched are as old as the copy. It is a worker's
    clock, and may be wrong; but nothing was finished after its file was written, so one that is fast is set right.
    """
    name = PartName.parse(part.path.name)
    asked = any(outcome.seconds > 0 for outcome in outcomes)
    return PartNote(
        worker=(name.worker if name is not None else "") if asked else None,
        began=min(part.written, *(outcome.started_at for outcome in outcomes)),
        ended=min(max(outcome.started_at + outcome.seconds for outcome in outcomes), part.written),
        attempts=len(outcomes),
        settled=settled,
        tokens=sum(outcome.completion_tokens for outcome in outcomes),
    )
