"""What is known of the candidates while a draw is under way: the verdicts in memory, and the pilot's thresholds."""

from __future__ import annotations

import array
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.screening import Unusable, judge_size
from pipeline.selection.candidates import Positions
from pipeline.selection.classes import PILOT
from pipeline.selection.ids import Ranks
from pipeline.selection.windows import UNKNOWN, UNUSABLE, States
from schemas.config import ScreeningConfig
from schemas.image import ImageFacts, Stratum
from schemas.manifest import Thresholds
from schemas.rejection import RejectReason

STRATUM_NAMES: tuple[Stratum, ...] = ("low", "middle", "high")
"""By their number."""

_BLURRED_SHARE = 0.01

_UNSEEN, _USABLE, _ILL_SIZED, _FIRST_REASON = range(4)
_REASONS = tuple(RejectReason)


class Verdicts:
    """Verdicts by a candidate's position: five bytes for each, and some 60 more for one that was looked at.

    Args:
        sides: of the candidates, as :class:`Candidates` has them.
        limits: those by which they are ill-sized.
    """

    def __init__(self, sides: npt.NDArray[np.uint32], limits: ScreeningConfig) -> None:
        self._sides, self._limits = sides, limits
        self._codes = np.where(sides[:, 0] > 0, np.int8(_ILL_SIZED), np.int8(_UNSEEN))
        self._slots = np.full(len(sides), -1, np.int32)
        self._complexity, self._sharpness = array.array("d"), array.array("d")
        self._texts, self._ends = bytearray(), array.array("q", [0])

    def __len__(self) -> int:
        """Images that were screened, those aside that a header disqualified."""
        return len(self._complexity)

    def add(self, position: int, verdict: ImageFacts | Unusable) -> None:
        """Learn what screening said of a candidate."""
        if isinstance(verdict, Unusable):
            self.add_fault(position, verdict.reason, verdict.detail)
        else:
            self.add_usable(position, verdict.sha256, verdict.complexity, verdict.sharpness)

    def add_usable(self, position: int, sha256: str, complexity: float, sharpness: float) -> None:
        """Learn of a usable candidate."""
        self._note(position, _USABLE, bytes.fromhex(sha256), complexity, sharpness)

    def add_fault(self, position: int, reason: RejectReason, detail: str) -> None:
        """Learn why a candidate is not usable."""
        self._note(position, _FIRST_REASON + _REASONS.index(reason), detail.encode(), 0.0, 0.0)

    def unseen(self, positions: Positions) -> Positions:
        """Those of the positions that nothing is known of."""
        found: Positions = positions[self._codes[positions] == _UNSEEN]
        return found

    @property
    def spoilage(self) -> float:
        """Faults per usable image among those screened; 0 while nothing was."""
        usable = int(np.count_nonzero(self._codes == _USABLE))
        return (len(self) - usable) / max(usable, 1)

    def digest(self, position: int) -> bytes:
        """SHA-256 of a usable candidate's file."""
        return self._text(position)

    def fault(self, position: int) -> Unusable:
        """What is wrong with a candidate that is not usable."""
        code = int(self._codes[position])
        if code == _ILL_SIZED:
            width, height = self._sides[position].tolist()
            found = judge_size(width, height, self._limits)
            assert found is not None
            return found
        return Unusable(_REASONS[code - _FIRST_REASON], self._text(position).decode())

    def estimate(self, pilot: Positions) -> Thresholds:
        """Thresholds from the usable candidates of the pilot; zeros when there is none."""
        slots = self._slots[pilot[self._codes[pilot] == _USABLE]]
        complexity, sharpness = (
            np.sort(self._column(self._complexity)[slots]),
            np.sort(self._column(self._sharpness)[slots]),
        )
        return Thresholds(
            pilot=len(slots),
            complexity=(_at(complexity, 1 / 3), _at(complexity, 2 / 3)),
            sharpness=_at(sharpness, _BLURRED_SHARE),
        )

    def states(self, thresholds: Thresholds) -> States:
        """What the draw has to know of every candidate."""
        states = np.full(len(self._codes), UNUSABLE, np.int8)
        states[self._codes == _UNSEEN] = UNKNOWN
        usable = np.flatnonzero(self._codes == _USABLE)
        complexity = self._column(self._complexity)[self._slots[usable]]
        states[usable] = np.searchsorted(np.array(thresholds.complexity), complexity, side="right")
        return states

    def _note(self, position: int, code: int, text: bytes, complexity: float, sharpness: float) -> None:
        self._codes[position] = code
        self._slots[position] = len(self)
        self._complexity.append(complexity)
        self._sharpness.append(sharpness)
        self._texts += text
        self._ends.append(len(self._texts))

    def _text(self, position: int) -> bytes:
        slot = int(self._slots[position])
        return bytes(self._texts[self._ends[slot] : self._ends[slot + 1]])

    @staticmethod
    def _column(values: Sequence[float]) -> npt.NDArray[np.float64]:
        # a copy: an array that somebody looks into cannot grow
        return np.array(values, np.float64)


def choose_pilot(ranks: Ranks) -> Positions:
    """Positions of the pilot."""
    if len(ranks) <= PILOT:
        return np.arange(len(ranks))
    return np.sort(np.argpartition(ranks, PILOT)[:PILOT])


def _at(ordered: npt.NDArray[np.float64], share: float) -> float:
    """The value below which ``share`` of the values lie, rounded to 0.01; 0 where there are none."""
    return round(float(ordered[math.floor(share * len(ordered))]), 2) if len(ordered) else 0.0
