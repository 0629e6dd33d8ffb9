"""Work spread over processes: bounded, in order, and gone when the parent is."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from schemas.errors import ImageNetThinkError

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD_PER_WORKER = 4
"""Items handed out beyond the one at work: enough to keep a worker busy, few enough to bound memory."""


def resolve_workers(workers: int) -> int:
    """Number of processes to use: ``workers``, or one per core this process may run on when it is 0."""
    return workers or len(os.sched_getaffinity(0))


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item], workers: int = 0) -> Iterator[Result]:
    """Apply a picklable function to every item in worker processes and yield the results in the items' order.

    Items are drawn only as results are taken, so memory does not grow with their number. With one worker everything
    runs in this process. An exception of ``function`` is raised here, in its item's turn. An interrupt is for this
    process alone: its workers finish what they have in hand.

    Raises:
        ImageNetThinkError: a worker process was killed.
    """
    count = resolve_workers(workers)
    if count == 1:
        yield from map(function, items)
        return
    waiting: deque[Future[Result]] = deque()
    # spawn: a forked child would inherit the parent's threads' locks (Arrow's, Prefect's) in whatever state they are.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=die_with_parent)
    try:
        for item in items:
            with _deaf_to_interrupts():
                waiting.append(pool.submit(function, item))
            if len(waiting) >= count * (1 + AHEAD_PER_WORKER):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise ImageNetThinkError(
            "a worker process was killed, usually for want of memory",
            "what is done is kept; set fewer workers and run the same command again",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def die_with_parent() -> None:
    """Make this worker process end as soon as its parent does, however the parent ends.

    A pool's workers hold both ends of their queue and would otherwise wait for ever after the parent is killed.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="die-with-parent").start()


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Block SIGINT in this thread, and for good in the processes that it starts inside.

    Ctrl-C goes to the whole foreground group. A mask is inherited, so that a worker is deaf from its first instruction,
    and unlike a handler it can be set from any thread.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
