"""What the dispatcher asks of a pool of workers, whichever it is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from schemas.errors import ImageNetThinkError


class RunState(Enum):
    """How far a run has come."""

    QUEUED = auto()
    """No worker has taken it yet; also a run that was put back, to be started again."""
    TAKEN = auto()
    """A worker has taken it and not started it."""
    RUNNING = auto()
    DONE = auto()
    """It asked all of its chunk."""
    FAILED = auto()
    """It broke off: an error, a crash, or nobody has heard of it."""
    STOPPED = auto()
    """Somebody cancelled it."""


ENDED = frozenset({RunState.DONE, RunState.FAILED, RunState.STOPPED})


@dataclass(frozen=True, slots=True)
class PoolRun:
    """One run of one chunk.

    Args:
        id: the pool's name for it.
        teacher: who is asked.
        chunk: the chunk's key.
        state: how far it has come.
        message: why it failed, in the pool's words; else empty.
    """

    id: str
    teacher: str
    chunk: str
    state: RunState
    message: str = ""


class PoolUnavailableError(ImageNetThinkError):
    """The pool cannot be asked just now; what runs goes on, and it is asked again."""


class Pool(Protocol):
    """Workers that run chunks of one build. Each method may raise :class:`PoolUnavailableError`."""

    def count_workers(self) -> int:
        """How many workers are there now."""

    def list_live(self) -> Sequence[PoolRun]:
        """All runs of this build that have not ended, whoever submitted them."""

    def look_up(self, runs: Collection[str]) -> Sequence[PoolRun]:
        """The named runs as they are now; those that the pool does not know any more are left out."""

    def submit(self, teacher: str, chunk: str) -> PoolRun:
        """Hand a chunk to the workers. Its file is there already."""

    def give_up(self, run: PoolRun, reason: str) -> None:
        """Declare a run failed that nobody hears of."""
