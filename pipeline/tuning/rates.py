"""From the attempts of one point to its rates."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attempt:
    """What tuning needs to know of one row of the ledger."""

    image_id: str
    number: int
    """1 for an image's first attempt."""
    began: float
    """In seconds, on any clock."""
    seconds: float
    tokens: int
    accepted: bool

    @property
    def ended(self) -> float:
        """When the reply was there."""
        return self.began + self.seconds


def full_window(attempts: Sequence[Attempt]) -> tuple[float, float]:
    """The time in which each request that ended was followed by another: from the first end to the last image's start.

    Before it the engine only reads prompts, after it the window drains; a long run has next to nothing of either,
    whereas they would be half of a short measurement, and the wider the window, the more. Where there is no such time
    (fewer images than places), it is all of it.
    """
    first_end = min(attempt.ended for attempt in attempts)
    last_start = max(attempt.began for attempt in attempts if attempt.number == 1)
    if first_end < last_start:
        return first_end, last_start
    return min(attempt.began for attempt in attempts), max(attempt.ended for attempt in attempts)


def token_rate(attempts: Sequence[Attempt]) -> float:
    """Tokens per second while the window was full, taking each text to be written evenly over its request's time."""
    begin, end = full_window(attempts)
    if end <= begin:
        return 0.0
    return sum(attempt.tokens * _share_within(attempt, begin, end) for attempt in attempts) / (end - begin)


def tokens_by_image(attempts: Sequence[Attempt]) -> list[int]:
    """Per image the tokens of all its attempts together: what the image costs."""
    totals: dict[str, int] = defaultdict(int)
    for attempt in attempts:
        totals[attempt.image_id] += attempt.tokens
    return list(totals.values())


def seconds_by_image(attempts: Sequence[Attempt]) -> list[float]:
    """Per image the time from its first request to its last answer."""
    spans: dict[str, tuple[float, float]] = {}
    for attempt in attempts:
        begin, end = spans.get(attempt.image_id, (attempt.began, attempt.ended))
        spans[attempt.image_id] = min(begin, attempt.began), max(end, attempt.ended)
    return [end - begin for begin, end in spans.values()]


def percentile(values: Sequence[int], share: float) -> int:
    """The smallest value that at least this share of the values does not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def deviation(values: Sequence[int]) -> float:
    """Sample standard deviation; 0 of a single value."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


def _share_within(attempt: Attempt, begin: float, end: float) -> float:
    if attempt.seconds <= 0:
        return float(begin <= attempt.began < end)
    return max(0.0, min(end, attempt.ended) - max(begin, attempt.began)) / attempt.seconds
