"""By what one teacher's pair is taken over another's: named scores, each with the direction that wins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from schemas.record import Pair


@dataclass(frozen=True, slots=True)
class Score:
    """One order of pairs. None of them says which text is right: nobody has checked the texts against the pictures."""

    name: str
    meaning: str
    """Which pair wins, in words."""
    value: Callable[[Pair], float]
    """The larger wins."""

    def best(self, pairs: Sequence[Pair]) -> Pair:
        """The pair that wins; of equal ones the first."""
        return max(pairs, key=self.value)

    def worst(self, pairs: Sequence[Pair]) -> Pair:
        """The pair that loses; of equal ones the first."""
        return min(pairs, key=self.value)


SCORES: Mapping[str, Score] = MappingProxyType(
    {
        score.name: score
        for score in (
            Score("longer", "more tokens of thinking", lambda pair: pair.thinking_tokens),
            Score("shorter", "fewer tokens of thinking", lambda pair: -pair.thinking_tokens),
            Score("longer-answer", "more tokens of answer", lambda pair: pair.answer_tokens),
            Score("shorter-answer", "fewer tokens of answer", lambda pair: -pair.answer_tokens),
            Score("less-repeated", "the smaller share of repeated 8-grams", lambda pair: -pair.scores.repeated_8grams),
            Score("less-compressible", "the lower compression by zlib", lambda pair: -pair.scores.compression),
            Score("fewer-attempts", "fewer attempts until the text was valid", lambda pair: -pair.attempt),
        )
    }
)
"""Every score, by the name that ``--teacher`` and ``--preference`` know it by."""
