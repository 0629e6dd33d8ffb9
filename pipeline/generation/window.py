"""A window of work that never drains: as one item ends, the next begins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Item = TypeVar("Item")


async def roll_window(
    next_item: Callable[[], Awaitable[Item | None]], work: Callable[[Item], Awaitable[None]], size: int
) -> float:
    """Keep ``size`` items at work until ``next_item`` gives ``None`` and all have ended.

    The first exception of any item cancels the others and is raised in an exception group.

    Returns:
        Seconds in which a place was open and no item was ready: how long the engine starved.

    Raises:
        ValueError: a window without a place would wait for ever.
    """
    if size < 1:
        raise ValueError(f"{size} requests in flight are none: an engine's concurrency is 1 at least")
    places = asyncio.Semaphore(size)
    starved = 0.0
    async with asyncio.TaskGroup() as group:
        while True:
            await places.acquire()
            opened = time.monotonic()
            item = await next_item()
            if item is None:
                return starved
            starved += time.monotonic() - opened
            task = group.create_task(_run(work, item))
            task.add_done_callback(lambda _: places.release())


def first_cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first plain exception of a group: the one that cancelled the others."""
    first = group.exceptions[0]
    return first_cause(first) if isinstance(first, BaseExceptionGroup) else first


async def _run(work: Callable[[Item], Awaitable[None]], item: Item) -> None:
    await work(item)
