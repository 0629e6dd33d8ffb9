"""Whether an engine that has work makes tokens."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator


class Pulse:
    """How long each replica of an engine has been silent while there is work.

    Whole answers tell too little: thousands of tokens pass between two of them. It hears of steps instead.

    Args:
        replicas: their numbers; more may turn up.
    """

    def __init__(self, replicas: Iterable[int] = (0,)) -> None:
        self._in_flight = 0
        self._silent: dict[int, float] = dict.fromkeys(replicas, 0.0)
        self._busy: dict[int, bool] = {}

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """A request is in flight while the block runs."""
        self._in_flight += 1
        try:
            yield
        except BaseException:
            # A replica whose last request is taken back does not say so; until it speaks again it may be idle.
            self._busy.clear()
            raise
        finally:
            self._in_flight -= 1

    def beat(self, replica: int, *, busy: bool) -> None:
        """A replica made a step; ``busy`` when it has more to do."""
        self._silent[replica] = 0.0
        self._busy[replica] = busy

    def pass_time(self, seconds: float) -> float:
        """Let time pass.

        Returns:
            For how many seconds some replica that has work has been silent, or all of them.
        """
        if not self._in_flight:
            self._silent = dict.fromkeys(self._silent, 0.0)
            self._busy.clear()
            return 0.0
        self._silent = {replica: silent + seconds for replica, silent in self._silent.items()}
        overdue = [self._silent[replica] for replica, busy in self._busy.items() if busy]
        return max(min(self._silent.values(), default=0.0), *overdue, 0.0)
