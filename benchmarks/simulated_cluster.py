"""A cluster in virtual time: workers, a queue, what goes wrong, and the pool that the dispatcher sees."""

from __future__ import annotations

import heapq
import itertools
import math
import random
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.simulated_run import Model, SimulatedRun, fault_times
from pipeline.dispatch import Dispatcher, PoolRun, RunState, chunk_file, read_chunk
from pipeline.dispatch.pool import ENDED
from pipeline.generation.ledger import ledger_directory

POLL_SECONDS = 640.0
"""Between two looks of the parent, over the number of workers: rarer than a build's where few are at work for days, to
save real time. From 5, which is a build's, to 60."""

START_SECONDS = 8.0
"""From a worker that is free to its next run's process: the worker's look at the queue, and Python's start."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, in seconds.

    Args:
        name: for the table.
        between_crashes: of one worker, on average.
        between_preemptions: likewise.
        noticed_after: a crash is, by the automation's patience and a heartbeat.
        away: until the machine is back.
    """

    name: str
    between_crashes: float = math.inf
    between_preemptions: float = math.inf
    noticed_after: float = 210.0
    away: float = 300.0


@dataclass(slots=True)
class Result:
    """One line of the table. Times are in seconds."""

    workers: int
    faults: str
    hours: float = 0.0
    asking: float = 0.0
    """GPU time with requests in flight."""
    loading: float = 0.0
    ideal: float = 0.0
    """GPU time that what landed takes at full throughput."""
    tokens: int = 0
    lost: int = 0
    runs: int = 0
    broken: int = 0
    parts: int = 0
    steps: list[float] = field(default_factory=list)
    """Real seconds of the parent's steps."""
    cold_seconds: float = 0.0
    """Of a parent that starts when everything is in the ledger."""
    cold_megabytes: float = 0.0

    @property
    def held(self) -> float:
        """GPU time that was held."""
        return self.hours * 3600 * self.workers


class Cluster:
    """Workers, queue and clock; the pool that the dispatcher sees."""

    def __init__(self, root: Path, models: dict[str, Model], workers: int, faults: Faults, seed: int = 0) -> None:
        self.now = 0.0
        self.result = Result(workers, faults.name)
        self._root = root
        self._models = models
        self._faults = faults
        self._chances = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._runs: dict[str, PoolRun] = {}
        self._queue: list[str] = []
        self._settled: dict[str, set[str]] = {}
        self._idle = list(range(workers))
        self._away: set[int] = set()
        self._crashes = [fault_times(faults.between_crashes, random.Random(f"{seed} {w}")) for w in range(workers)]
        self._stops = [fault_times(faults.between_preemptions, random.Random(f"{w} {seed}")) for w in range(workers)]
        self._next_crash = [next(times) for times in self._crashes]
        self._next_stop = [next(times) for times in self._stops]

    def run(self, dispatcher: Dispatcher) -> Result:
        """Let parent and workers live until nothing is pending."""
        at = 0.0
        while True:
            self._advance(at)
            began = time.perf_counter()
            is_done = dispatcher.step()
            self.result.steps.append(time.perf_counter() - began)
            if is_done:
                break
            self._hand_out()
            at += min(60.0, max(5.0, POLL_SECONDS / self.result.workers))
        self.result.hours, self.result.runs = self.now / 3600, dispatcher.runs
        return self.result

    def count_workers(self) -> int:
        """Those that are not away."""
        return self.result.workers - len(self._away)

    def list_live(self) -> Sequence[PoolRun]:
        """Runs that have not ended."""
        return [run for run in self._runs.values() if run.state not in ENDED]

    def look_up(self, runs: Collection[str]) -> Sequence[PoolRun]:
        """Runs as they are now."""
        return [self._runs[run] for run in runs]

    def submit(self, teacher: str, chunk: str) -> PoolRun:
        """Queue a chunk."""
        run = PoolRun(str(len(self._runs)), teacher, chunk, RunState.QUEUED)
        self._runs[run.id] = run
        self._queue.append(run.id)
        return run

    def give_up(self, run: PoolRun, reason: str) -> None:
        """Take a run for failed."""
        self._become(run.id, RunState.FAILED, reason)

    def _become(self, run: str, state: RunState, message: str = "") -> None:
        self._runs[run] = replace(self._runs[run], state=state, message=message)

    def _at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), what))

    def _advance(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, what = heapq.heappop(self._events)
            what()
            self._hand_out()
        self.now = until

    def _hand_out(self) -> None:
        while self._idle and self._queue:
            self._start(self._idle.pop(), self._queue.pop(0))

    def _start(self, worker: int, run_id: str) -> None:
        run, model = self._runs[run_id], self._models[self._runs[run_id].teacher]
        self._become(run_id, RunState.RUNNING)
        directory = ledger_directory(self._root / "ledger", run.teacher, model.identity.fingerprint)
        chunk = read_chunk(chunk_file(self._root / "chunks", run.teacher, run.chunk))
        settled = self._settled.setdefault(run_id, set())  # a run that was handed on reads what it wrote itself
        images = [image for image in chunk if image.image_id not in settled]
        begin = self.now + START_SECONDS + model.load
        crash, stop = self._next_fault(worker)
        simulated = SimulatedRun(model, run.chunk, f"node-{worker}", directory, self._chances)
        asked = simulated.ask(images, begin, min(crash, stop), flushes=stop < crash)
        self.result.loading += min(asked.end, begin) - self.now
        self.result.asking += max(0.0, asked.end - begin)
        self.result.ideal += asked.tokens / model.tokens_per_second
        self.result.tokens, self.result.lost = self.result.tokens + asked.tokens, self.result.lost + asked.lost
        self.result.parts += len(asked.parts)
        settled |= asked.settled
        for when, waiting in asked.parts:
            self._at(when, lambda path=waiting: path.rename(path.with_name(path.name[1:])))  # type: ignore[misc]
        if asked.is_whole:
            self._at(asked.end, lambda: self._end(worker, run_id))
        else:
            self._at(asked.end, lambda: self._break_off(worker, run_id, is_crash=crash <= stop))

    def _next_fault(self, worker: int) -> tuple[float, float]:
        while self._next_crash[worker] <= self.now:  # while it was idle or away: nothing was lost
            self._next_crash[worker] = next(self._crashes[worker])
        while self._next_stop[worker] <= self.now:
            self._next_stop[worker] = next(self._stops[worker])
        return self._next_crash[worker], self._next_stop[worker]

    def _end(self, worker: int, run_id: str) -> None:
        del self._settled[run_id]
        self._become(run_id, RunState.DONE)
        self._idle.append(worker)

    def _break_off(self, worker: int, run_id: str, *, is_crash: bool) -> None:
        self.result.broken += 1
        self._away.add(worker)
        self._at(self.now + self._faults.away, lambda: self._come_back(worker))
        if is_crash:
            self._at(self.now + self._faults.noticed_after, lambda: self._become(run_id, RunState.FAILED, "crashed"))
        else:
            self._become(run_id, RunState.QUEUED)
            self._queue.insert(0, run_id)

    def _come_back(self, worker: int) -> None:
        self._away.discard(worker)
        self._idle.append(worker)
