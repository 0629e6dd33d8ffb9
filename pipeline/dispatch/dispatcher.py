"""The parent of a build on a pool of workers: pending work goes out in chunks, and the ledger says what came back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.dispatch.backlog import Backlog
from pipeline.dispatch.chunks import chunk_file
from pipeline.dispatch.holding import Holding
from pipeline.dispatch.pool import Pool, PoolRun, RunState
from pipeline.dispatch.sizing import size_chunk
from pipeline.generation.ledger import leave_it_there
from schemas.config import WorkPoolConfig
from schemas.errors import EngineError, ImageNetThinkError

MOST_FAILURES = 8
"""Runs of one teacher that break off one after the other without settling an image, before the build stops. More than
it takes to find one image that kills engines: that breaks five runs."""


@dataclass(frozen=True, slots=True)
class Store:
    """Where the run directory is shared, if it is not a file system.

    Args:
        fetch: brings the ledger's new parts here.
        keep: takes a file that was written.
    """

    fetch: Callable[[], object]
    keep: Callable[[Path], None]


SHARED_DISK = Store(fetch=lambda: None, keep=leave_it_there)
"""A file system that parent and workers share: nothing to carry."""


class Dispatcher:
    """Keeps a pool busy with one build's chunks. Everything it knows can be read again: from the ledger and the pool.

    Args:
        backlogs: what is pending, by teacher.
        pool: who works.
        settings: chunks and bounds.
        chunks: where chunks are written down.
        store: where the run directory is shared.
        warn: tells the user of runs that break off, and of a pool without workers.
        clock: seconds, never set back.
    """

    def __init__(  # noqa: PLR0913 - the parts of a build's parent
        self,
        backlogs: Sequence[Backlog],
        pool: Pool,
        settings: WorkPoolConfig,
        chunks: Path,
        *,
        store: Store = SHARED_DISK,
        warn: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.backlogs = backlogs
        self.runs = 0
        """Runs submitted here."""
        self._pool = pool
        self._settings = settings
        self._chunks = chunks
        self._store = store
        self._warn = warn
        self._clock = clock
        self._failures: Counter[str] = Counter()
        self._is_alone = False

    @property
    def pending(self) -> int:
        """Images that are not settled, over all teachers."""
        return sum(len(backlog.pending) for backlog in self.backlogs)

    @property
    def live(self) -> int:
        """Runs that have not ended."""
        return sum(not holding.has_ended for backlog in self.backlogs for holding in backlog.held.values())

    def step(self) -> bool:
        """Look at pool and ledger, and hand out what is free.

        Returns:
            Whether nothing is pending any more.

        Raises:
            EngineError: too many runs in a row broke off without settling anything.
            PoolUnavailableError: the pool cannot be asked just now; call again later.
            RunDirectoryError: the ledger is damaged, or was written in another way of generating.
        """
        live = self._pool.list_live()  # before the ledger: what has ended by now has written everything
        self._store.fetch()
        now = self._clock()
        for backlog in self.backlogs:
            if backlog.refresh(now):
                self._failures[backlog.name] = 0
        self._adopt(live, now)
        self._look_after({run.id: run for run in live}, now)
        if not self.pending:
            self._withdraw()
            return True
        self._submit(now)
        return False

    def _adopt(self, live: Sequence[PoolRun], now: float) -> None:
        by_name = {backlog.name: backlog for backlog in self.backlogs}
        for run in live:
            backlog = by_name.get(run.teacher)
            if backlog is not None and run.chunk not in backlog.held:
                backlog.adopt(run, now)

    def _look_after(self, live: dict[str, PoolRun], now: float) -> None:
        gone = [h.run.id for _, h in self._holdings() if not h.has_ended and h.run.id not in live]
        known = live | {run.id: run for run in (self._pool.look_up(gone) if gone else ())}
        for backlog, holding in self._holdings():
            run = holding.run
            if not holding.has_ended:
                # a server that lost its memory knows nothing of it; whether it still works, the ledger tells
                holding.see(known.get(run.id) or PoolRun(run.id, run.teacher, run.chunk, RunState.STOPPED), now)
                self._mind(holding, now)
            if holding.is_over(now, self._settings.settle_seconds):
                self._release(backlog, holding)

    def _holdings(self) -> Iterator[tuple[Backlog, Holding]]:
        return ((backlog, holding) for backlog in self.backlogs for holding in list(backlog.held.values()))

    def _mind(self, holding: Holding, now: float) -> None:
        """Give up a run that nobody hears of."""
        settings, state = self._settings, holding.run.state
        if state is RunState.TAKEN and now - holding.since > settings.start_minutes * 60:
            self._pool.give_up(holding.run, f"a worker took it and did not start it for {settings.start_minutes:g} min")
        elif state is RunState.RUNNING and now - holding.heard > settings.silent_minutes * 60:
            self._pool.give_up(holding.run, f"it wrote nothing to the ledger for {settings.silent_minutes:g} min")

    def _release(self, backlog: Backlog, holding: Holding) -> None:
        run = holding.run
        for part in backlog.release(holding):
            self._store.keep(part)
            self._warn(f"{backlog.name}: gave images up that broke every run that asked about them; see {part.name}")
        if not holding.has_failed:
            return
        self._failures[run.teacher] += not holding.touched
        said = run.message or "without a word"
        self._warn(
            f"{run.teacher}: run of chunk {run.chunk} broke off ({said}); {len(holding.left):,} images left of it"
        )
        if (failures := self._failures[run.teacher]) >= MOST_FAILURES:
            raise EngineError(
                f"{run.teacher}: {failures} runs in a row broke off without settling an image, the last: {said}",
                "mend the cause and start the build again",
            )

    def _withdraw(self) -> None:
        """Everything is settled, perhaps by runs that had been given up; nobody need start for it any more."""
        for _, holding in self._holdings():
            if holding.run.state is RunState.QUEUED:
                self._pool.give_up(holding.run, "its images are settled")

    def _submit(self, now: float) -> None:
        workers = self._pool.count_workers()
        self._note_workers(workers)
        crew = max(1, workers)
        # none ahead: a chunk that waits was cut for a moment that has passed, and then the last one ends long after all
        # others; to wait for the next look costs a worker seconds, which is little against loading a model
        allowed = min(self._settings.outstanding, crew)
        while self.live < allowed and (backlog := self._neediest()) is not None:
            minutes_left = sum(each.minutes_left for each in self.backlogs)
            cut = backlog.cut(size_chunk(self._settings, backlog.pace, minutes_left, crew))
            if cut is None:
                return
            key, image_ids = cut
            try:
                self._store.keep(chunk_file(self._chunks, backlog.name, key))
                run = self._pool.submit(backlog.name, key)
            except ImageNetThinkError:
                backlog.put_back(image_ids)  # if the run was made all the same, it is found by its tag
                raise
            backlog.hold(run, image_ids, now)
            self.runs += 1

    def _neediest(self) -> Backlog | None:
        """Whose free images would take the longest."""
        backlog = max(self.backlogs, key=lambda backlog: backlog.minutes_free)
        return backlog if backlog.minutes_free > 0 else None

    def _note_workers(self, workers: int) -> None:
        if not workers and not self._is_alone:
            self._warn(f"no worker of work pool {self._settings.work_pool} is there; runs wait for one")
        self._is_alone = not workers
