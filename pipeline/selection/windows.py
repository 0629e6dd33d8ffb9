"""The order in which one class puts its candidates forward: simple, middling and complex pictures by turns."""

from __future__ import annotations

import array
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

States = npt.NDArray[np.int8]
"""Of each candidate: 0, 1 or 2 for a usable picture of that stratum of complexity; else one of those below."""

STRATA = 3
UNKNOWN = 3
"""Not looked at yet."""
UNUSABLE = 4

WINDOW = 12
"""Usable candidates among which a class chooses ..."""
WINDOW_PICKS = 3
"""... this many: one of each stratum, where there is one."""


@dataclass(frozen=True, slots=True)
class Log:
    """What queues meet on their way, as positions: in eight bytes each, since it may be all there is."""

    rejected: array.array[int]
    unknown: array.array[int]


class Queue:
    """One class's sequence, as far as it was asked for.

    Usable candidates are cut, in rank order, into windows of twelve. From each window three are put forward, the strata
    by turns and the smallest rank of the wanted stratum first; when it has none, the smallest rank of all. When all
    windows were used, what they left over is one last window, of which everything is put forward. So the sequence
    depends on the class alone and not on how much of it is asked for, and some four candidates are looked at for
    each that is drawn. Without balance the sequence is simply the rank order.

    Unknown candidates are taken for usable ones, and logged.

    Args:
        states: of all candidates of all classes.
        start: position of this class's first candidate among them.
        stop: behind its last.
        first_stratum: which stratum has the first turn; ``None``: no balance.
        log: of all classes.
    """

    __slots__ = ("_first", "_log", "_page", "_picks", "_put_forward", "_start", "_states", "_stop", "drawn", "reached")

    def __init__(self, states: States, start: int, stop: int, first_stratum: int | None, log: Log) -> None:
        self.drawn = 0
        self.reached = start
        """Behind the last candidate that was looked at."""
        self._states, self._start, self._stop = states, start, stop
        self._first = first_stratum
        self._log = log
        # the open window, by state, each in rank order
        self._page: list[list[int]] = [[] for _ in range(UNKNOWN + 1)]
        self._picks = 0
        self._put_forward: set[int] = set()

    def put_forward(self) -> int | None:
        """The position of the next candidate, or ``None`` when there is none left."""
        while not (self._picks and any(self._page)):
            if not self._open_next():
                return None
        wanted = self._page[((self._first or 0) + self.drawn) % STRATA]
        position = (wanted or min(filter(None, self._page), key=_first)).pop(0)
        self._put_forward.add(position)
        return position

    def take(self) -> None:
        """The candidate last put forward was drawn, and not turned down for its twin."""
        self.drawn += 1
        self._picks -= 1

    @property
    def is_spent(self) -> bool:
        """Whether there is nothing left to put forward."""
        return self.reached == self._stop and not any(map(self._is_left, range(self._start, self._stop)))

    def _open_next(self) -> bool:
        if self.reached < self._stop:
            size, self._picks = (1, 1) if self._first is None else (WINDOW, WINDOW_PICKS)
            self._page = self._read(size)
            return True
        rest = [position for position in range(self._start, self._stop) if self._is_left(position)]
        self._page = self._sort(rest)
        self._picks = len(rest)
        return bool(rest)

    def _is_left(self, position: int) -> bool:
        return self._states[position] != UNUSABLE and position not in self._put_forward

    def _read(self, size: int) -> list[list[int]]:
        """Look at further candidates until there are ``size`` usable ones."""
        usable: list[int] = []
        while len(usable) < size and self.reached < self._stop:
            end = min(self.reached + size - len(usable), self._stop)
            for position, state in enumerate(self._states[self.reached : end].tolist(), self.reached):
                if state == UNUSABLE:
                    self._log.rejected.append(position)
                    continue
                usable.append(position)
                if state == UNKNOWN:
                    self._log.unknown.append(position)
            self.reached = end
        return self._sort(usable)

    def _sort(self, positions: list[int]) -> list[list[int]]:
        page: list[list[int]] = [[] for _ in range(UNKNOWN + 1)]
        for position in positions:
            page[self._states[position]].append(position)
        return page


def _first(positions: list[int]) -> int:
    return positions[0]
