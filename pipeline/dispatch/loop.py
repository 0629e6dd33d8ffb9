"""The dispatcher in real time: step after step, through every absence of the pool."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.dispatch.backlog import Backlog
from pipeline.dispatch.dispatcher import Dispatcher
from pipeline.dispatch.pool import PoolUnavailableError
from pipeline.progress import Progress, Task


def dispatch(dispatcher: Dispatcher, poll_seconds: float, progress: Progress) -> None:
    """Hand out and wait until nothing is pending.

    A pool that is away is waited for, however long: what runs goes on meanwhile.

    Raises: see :meth:`Dispatcher.step`, but for the pool's absence.
    """
    with contextlib.ExitStack() as stack:
        shown = [stack.enter_context(_show(backlog, progress)) for backlog in dispatcher.backlogs]
        is_done = is_away = False
        while not is_done:
            try:
                is_done, is_away = dispatcher.step(), False
            except PoolUnavailableError as absence:
                if not is_away:
                    progress.warn(f"{absence}; what runs goes on, and it is waited for")
                is_away = True
            for each in shown:
                each.update()
            if not is_done:
                time.sleep(poll_seconds)


@dataclass(slots=True)
class _Shown:
    """One teacher's progress: how many images are settled, and how many runs are at work on others."""

    backlog: Backlog
    task: Task
    pending: int

    def update(self) -> None:
        settled, self.pending = self.pending - len(self.backlog.pending), len(self.backlog.pending)
        self.task.advance(settled)
        live = sum(not holding.has_ended for holding in self.backlog.held.values())
        self.task.describe(f"{live:,} runs, {self.backlog.pace.images_per_minute:,.1f} images/min each")


@contextlib.contextmanager
def _show(backlog: Backlog, progress: Progress) -> Iterator[_Shown]:
    pending = len(backlog.pending)
    with progress.task(f"generate {backlog.name}", pending, "images") as task:
        yield _Shown(backlog, task, pending)
