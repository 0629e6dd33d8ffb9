"""A pool whose workers are asked by name to take a run, to work it off, to break off: what a Prefect server and its
workers do, without either, in this process and in the test's own time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence

from pipeline.dispatch import PoolRun, PoolUnavailableError, RunState
from pipeline.dispatch.pool import ENDED

Work = Callable[[str, str], object]
"""Asks a teacher about a chunk."""


class ChunkPool:
    """The protocol ``pipeline.dispatch.Pool``, and what happens at the workers.

    Args:
        work: what a worker does with a teacher and the key of a chunk; what it raises fails the run.
        workers: how many there are.
    """

    def __init__(self, work: Work, workers: int = 2) -> None:
        self.workers = workers
        self.runs: dict[str, PoolRun] = {}
        self.submitted = 0
        self.is_away = False
        self._work = work

    def count_workers(self) -> int:
        self._answer()
        return self.workers

    def list_live(self) -> Sequence[PoolRun]:
        self._answer()
        return [run for run in self.runs.values() if run.state not in ENDED]

    def look_up(self, runs: Collection[str]) -> Sequence[PoolRun]:
        self._answer()
        return [self.runs[run_id] for run_id in runs if run_id in self.runs]

    def submit(self, teacher: str, chunk: str) -> PoolRun:
        self._answer()
        run = PoolRun(f"run-{self.submitted}", teacher, chunk, RunState.QUEUED)
        self.runs[run.id] = run
        self.submitted += 1
        return run

    def give_up(self, run: PoolRun, reason: str) -> None:
        self._answer()
        self.become(run.id, RunState.FAILED, reason)

    def become(self, run_id: str, state: RunState, message: str = "") -> None:
        """Put a run into a state."""
        self.runs[run_id] = dataclasses.replace(self.runs[run_id], state=state, message=message)

    def queued(self) -> list[PoolRun]:
        """Runs that no worker has taken, in the order in which they came."""
        return [run for run in self.runs.values() if run.state is RunState.QUEUED]

    def work_off(self) -> None:
        """Have the workers do everything that is queued."""
        for run in self.queued():
            try:
                self._work(run.teacher, run.chunk)
            except Exception as error:  # noqa: BLE001 - whatever ends a worker's process
                self.become(run.id, RunState.FAILED, str(error))
            else:
                self.become(run.id, RunState.DONE)

    def forget(self) -> None:
        """A server that comes back with an empty database."""
        self.runs.clear()

    def _answer(self) -> None:
        if self.is_away:
            raise PoolUnavailableError("the pool does not answer")
