"""The draw itself: a pure function of candidates, what is known of them, and whose turn it is."""

from __future__ import annotations

import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.selection.turns import Turns
from pipeline.selection.windows import UNKNOWN, Log, Queue, States


@dataclass(frozen=True, slots=True)
class Field:
    """The candidates of a draw: class after class, each in rank order.

    Args:
        starts: position of each class's first candidate, and last the number of candidates.
        first_strata: which stratum of complexity each class begins with; ``None``: strata play no role.
        states: of each candidate.
        digest_of: the 32-byte SHA-256 of a usable candidate's file.
    """

    starts: Sequence[int]
    first_strata: Sequence[int] | None
    states: States
    digest_of: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Draw:
    """Where a draw stands; candidates are given by position.

    While ``unknown`` is not empty the rest is provisional: the unknown ones were taken for good ones, and must be
    screened before the next try.
    """

    accepted: array.array[int]
    """In the order of the draw."""
    rejected: array.array[int]
    """Candidates that the draw came to and that are not good, in that order."""
    twins: dict[int, int]
    """Of those, the exact duplicates, and which candidate drawn before has their bytes."""
    unknown: array.array[int]
    reached: list[int]
    """Per class: behind the last candidate that the draw came to."""
    held_back: bool
    """It ended before the target because caps of domains let no class on."""


def draw(field: Field, turns: Turns, target: int) -> Draw:
    """Draw ``target`` images, or as many as there are.

    An image with the bytes of one drawn before it is an exact duplicate; which of the two is kept depends on the
    sequence alone, not on what else was screened.
    """
    log = Log(array.array("q"), array.array("q"))
    accepted = array.array("q")
    twins: dict[int, int] = {}
    seen: dict[bytes, int] = {}
    queues: dict[int, Queue] = {}
    while len(accepted) < target and (position := turns.next()) is not None:
        queue = queues.get(position) or queues.setdefault(position, _open(field, position, log))
        candidate = queue.put_forward()
        if candidate is None:
            turns.drop()
        elif (twin := _twin(field, candidate, seen)) is not None:
            twins[candidate] = twin
            log.rejected.append(candidate)
        else:
            accepted.append(candidate)
            queue.take()
            turns.take()
    held_back = len(accepted) < target and any(c not in queues or not queues[c].is_spent for c in turns.waiting)
    reached = [queues[c].reached if c in queues else start for c, start in enumerate(field.starts[:-1])]
    return Draw(accepted, log.rejected, twins, log.unknown, reached, held_back)


def _open(field: Field, position: int, log: Log) -> Queue:
    stratum = field.first_strata[position] if field.first_strata else None
    return Queue(field.states, field.starts[position], field.starts[position + 1], stratum, log)


def _twin(field: Field, candidate: int, seen: dict[bytes, int]) -> int | None:
    """The candidate drawn before with the same bytes; else this one is noted."""
    if field.states[candidate] == UNKNOWN:
        return None
    first = seen.setdefault(field.digest_of(candidate), candidate)
    return None if first == candidate else first
