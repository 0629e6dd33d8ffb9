"""The draw itself: a pure function of queues and verdicts.

Classes take turns. In each round every class that still has candidates puts forward its next good one, in the classes'
hash order, until the target is met. Stopping such a sequence early is exactly water-filling (every class gets the same
quota, small classes give all they have, the remainder goes one each in hash order), and it makes a smaller target a
prefix of a larger one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.selection.candidates import Rows
from schemas.rejection import RejectReason

Verdict = bytes | RejectReason
"""The 32-byte SHA-256 of a usable image, or why it is not usable."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Where a draw stands.

    Rows are those of the index. While ``unknown`` is not empty the other two are provisional: the unknown rows were
    taken for good ones, and must be screened before the next try.
    """

    accepted: list[int]
    """In the order of the draw."""
    rejected: list[tuple[int, RejectReason, int | None]]
    """Candidates that had their turn and were not good, in that order; for an exact duplicate, of which row."""
    unknown: list[int]


def draw(queues: Sequence[Rows], verdicts: Mapping[int, Verdict], target: int) -> Draw:
    """Draw ``target`` images, or as many as there are.

    An image with the bytes of one drawn before it is an exact duplicate; which of the two is kept depends on the
    sequence alone, not on what else was screened.
    """
    result = Draw([], [], [])
    seen: dict[bytes, int] = {}
    turns = [_rows(queue) for queue in queues]
    while turns and len(result.accepted) < target:
        still: list[int] = []
        for position, turn in enumerate(turns):
            if len(result.accepted) == target:
                break
            for row in turn:
                if _take(row, verdicts.get(row), seen, result):
                    still.append(position)
                    break
        turns = [turns[position] for position in still]
    return result


def _rows(queue: Rows) -> Iterator[int]:
    # as Python integers, a few at a time: most of a long queue is never reached
    for start in range(0, len(queue), 64):
        yield from queue[start : start + 64].tolist()


def _take(row: int, verdict: Verdict | None, seen: dict[bytes, int], result: Draw) -> bool:
    if verdict is None:
        result.unknown.append(row)
    elif isinstance(verdict, RejectReason):
        result.rejected.append((row, verdict, None))
        return False
    elif verdict in seen:
        result.rejected.append((row, RejectReason.EXACT_DUPLICATE, seen[verdict]))
        return False
    else:
        seen[verdict] = row
    result.accepted.append(row)
    return True
