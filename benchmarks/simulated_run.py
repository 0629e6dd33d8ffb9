"""One chunk on one simulated GPU worker: requests share the engine's throughput, and time is virtual.

What it writes is real: parts of a ledger, as many and with as many rows as such an engine would write.
"""

from __future__ import annotations

import heapq
import math
import random
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.generation.ledger import PartName
from pipeline.tables import write_rows
from pipeline.teachers import PARSER_VERSION
from schemas.chunk import ChunkImage
from schemas.completion import Completion, FinishReason, PairStatus, Rung
from schemas.identity import GenerationIdentity

MAX_TOKENS = 8192
WINDOW = 256
MAX_ATTEMPTS = 4

PART_ROWS, PART_SECONDS = 1000, 30.0
"""The build's defaults."""


@dataclass(frozen=True, slots=True)
class Model:
    """A teacher on one GPU. Times are in seconds, lengths in tokens.

    Args:
        identity: what its rows say of it.
        tokens_per_second: of the whole engine.
        fastest: of one request, alone.
        median: length of a text; lengths are log-normal, and cut off at ``MAX_TOKENS``, which takes another attempt.
        sigma: of their logarithm.
        load: from the process's start to the first request.
        malformed: share of texts that are no valid pair, which takes another attempt, too.
    """

    identity: GenerationIdentity
    tokens_per_second: float
    fastest: float
    median: float
    sigma: float
    load: float
    malformed: float = 0.03

    def draw(self, chances: random.Random) -> tuple[int, PairStatus]:
        """Length and status of a text."""
        tokens = math.ceil(self.median * math.exp(self.sigma * chances.gauss(0, 1)))
        if tokens >= MAX_TOKENS:
            return MAX_TOKENS, PairStatus.TRUNCATED
        return tokens, PairStatus.NO_THINK if chances.random() < self.malformed else PairStatus.OK

    def images_per_minute(self, chances: random.Random) -> float:
        """What ``imagenet-think tune`` would measure: all attempts that an image takes count."""
        images, tokens = 20_000, 0
        for _ in range(images):
            for _ in range(MAX_ATTEMPTS):
                length, status = self.draw(chances)
                tokens += length
                if status is PairStatus.OK:
                    break
        return 60 * self.tokens_per_second * images / tokens


@dataclass(slots=True)
class Asked:
    """What became of a chunk on one worker.

    Args:
        end: when it was through, or broke off.
        parts: when each part of the ledger appears, and where it waits until then.
        tokens: of texts that landed.
        lost: tokens that were written and did not land.
    """

    end: float = 0.0
    parts: list[tuple[float, Path]] = field(default_factory=list)
    tokens: int = 0
    lost: int = 0
    settled: set[str] = field(default_factory=set)
    """Images that need not be asked again."""
    is_whole: bool = True


@dataclass(order=True, slots=True)
class _Request:
    finished_at: float
    """On the clock of what each request in flight has been served, in tokens."""
    number: int
    image_id: str = field(compare=False)
    attempt: int = field(compare=False)
    tokens: int = field(compare=False)
    status: PairStatus = field(compare=False)
    began: float = field(compare=False)


class SimulatedRun:
    """One chunk on one worker. All requests in flight are served alike, so one clock says how far each has come."""

    def __init__(self, model: Model, chunk: str, worker: str, directory: Path, chances: random.Random) -> None:
        self._model = model
        self._name = PartName(uuid.UUID(int=chances.getrandbits(128)).hex, 0, chunk, worker)
        self._directory = directory
        self._chances = chances
        self._running: list[_Request] = []
        self._rows: list[Completion] = []
        self._served = 0.0
        self._asked = Asked()
        self._requests = 0
        self._flushed = 0.0

    def ask(self, images: Sequence[ChunkImage], begin: float, stop: float, *, flushes: bool) -> Asked:
        """Ask about all images, from ``begin`` on, or until it is stopped.

        Args:
            images: the chunk's rows.
            begin: when the engine is ready.
            stop: when the worker is told to stop, or crashes.
            flushes: whether what is buffered then is written.
        """
        waiting = deque(images)
        now = self._flushed = begin
        while waiting or self._running:
            while waiting and len(self._running) < WINDOW:
                image = waiting.popleft()
                self._send(image.image_id, image.last_attempt + 1, now)
            speed = min(self._model.fastest, self._model.tokens_per_second / len(self._running))
            following = now + (self._running[0].finished_at - self._served) / speed
            if following > stop:
                self._served += max(0.0, stop - now) * speed
                self._break_off(stop, flushes=flushes)
                return self._asked
            now = following
            self._finish(now)
        self._flush(now)
        self._asked.end = now
        return self._asked

    def _send(self, image_id: str, attempt: int, now: float) -> None:
        tokens, status = self._model.draw(self._chances)
        self._requests += 1
        heapq.heappush(
            self._running, _Request(self._served + tokens, self._requests, image_id, attempt, tokens, status, now)
        )

    def _finish(self, now: float) -> None:
        request = heapq.heappop(self._running)
        self._served = request.finished_at
        self._rows.append(_to_row(self._model, request, now))
        if request.status is not PairStatus.OK and request.attempt < MAX_ATTEMPTS:
            self._send(request.image_id, request.attempt + 1, now)
        if len(self._rows) >= PART_ROWS or now - self._flushed >= PART_SECONDS:
            self._flush(now)

    def _flush(self, now: float) -> None:
        self._flushed = now
        if not self._rows:
            return
        number = len(self._asked.parts) + 1
        name = PartName(self._name.writer, number, self._name.chunk, self._name.worker)
        waiting = self._directory / f".{name}"  # until its time has come
        write_rows(waiting, self._rows, Completion)
        self._asked.parts.append((now, waiting))
        self._asked.tokens += sum(row.completion_tokens for row in self._rows)
        self._asked.settled |= {
            row.image_id for row in self._rows if row.status is PairStatus.OK or row.attempt == MAX_ATTEMPTS
        }
        self._rows.clear()

    def _break_off(self, now: float, *, flushes: bool) -> None:
        if flushes:
            self._flush(now)
        unlanded = sum(row.completion_tokens for row in self._rows)
        begun = sum(request.tokens - (request.finished_at - self._served) for request in self._running)
        self._asked.lost = unlanded + round(begun)
        self._asked.end, self._asked.is_whole = now, False


def _to_row(model: Model, request: _Request, now: float) -> Completion:
    identity = model.identity
    # validating half a million rows of our own making would take longer than all else here
    return Completion.model_construct(
        image_id=request.image_id,
        teacher=identity.teacher,
        fingerprint=identity.fingerprint,
        attempt=request.attempt,
        rung=Rung.AS_IS,
        seed=0,
        max_tokens=MAX_TOKENS,
        thinking_budget=None,
        raw=b"",
        finish_reason=FinishReason.STOP,
        stop_reason=None,
        error=None,
        forced_close=False,
        prompt_tokens=None,
        completion_tokens=request.tokens,
        thinking_tokens=0,
        answer_tokens=0,
        parser=PARSER_VERSION,
        status=request.status,
        engine="simulated",
        model=identity.model,
        revision=identity.revision,
        dtype=identity.dtype,
        quantization=None,
        processor={},
        versions={},
        started_at=request.began,
        seconds=now - request.began,
    )


def fault_times(mean: float, chances: random.Random) -> Iterator[float]:
    """When something goes wrong with one worker, again and again; ``mean`` seconds lie between on average."""
    now = 0.0
    while mean < math.inf:
        now += chances.expovariate(1 / mean)
        yield now
    while True:
        yield math.inf
