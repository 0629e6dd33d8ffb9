"""How many images the next chunk gets."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.generation.view import NewPart
from schemas.config import WorkPoolConfig

FIRST_GUESS = 60.0
"""Images a minute of a teacher that nobody measured yet: what sizes its first, short chunks."""

_FEWEST_SECONDS = 60.0
"""Work that must have been seen before a rate is believed."""


@dataclass(slots=True)
class _Writer:
    began: float
    ended: float
    settled: int


@dataclass(slots=True)
class Pace:
    """How fast one worker settles images of one teacher, as the ledger tells it.

    Args:
        told: images a minute, until enough was seen; ``None`` where nobody measured them.
    """

    told: float | None
    _writers: dict[str, _Writer] = field(default_factory=dict)

    def note(self, part: NewPart, settled: int) -> None:
        """Take a part into account that settled so many images."""
        if part.name is None or part.began == part.ended:
            return  # written by nobody's engine
        writer = self._writers.setdefault(part.name.writer, _Writer(part.began, part.ended, 0))
        writer.began, writer.ended = min(writer.began, part.began), max(writer.ended, part.ended)
        writer.settled += settled

    @property
    def images_per_minute(self) -> float:
        """Of one worker, from its first request on; its start does not count."""
        return self._seen() or self.told or FIRST_GUESS

    @property
    def is_known(self) -> bool:
        """Whether it was measured, here or before."""
        return (self._seen() or self.told) is not None

    def _seen(self) -> float | None:
        seconds = sum(writer.ended - writer.began for writer in self._writers.values())
        settled = sum(writer.settled for writer in self._writers.values())
        return settled / seconds * 60 if seconds >= _FEWEST_SECONDS and settled else None


def size_chunk(settings: WorkPoolConfig, pace: Pace, minutes_left: float, workers: int) -> int:
    """Images of the next chunk, one at least: what is left is dealt out evenly, since each chunk loads a model.

    What the estimates get wrong is dealt out again by whoever is through first, in ever smaller chunks.

    Args:
        settings: the bounds.
        pace: of the teacher that the chunk is for.
        minutes_left: how long one worker would take for everything that is pending, of all teachers.
        workers: who share it.
    """
    share = minutes_left / max(1, workers)
    minutes = min(max(share, settings.shortest_minutes), settings.longest_minutes)
    if not pace.is_known:
        minutes = settings.shortest_minutes
    return max(1, round(minutes * pace.images_per_minute))
