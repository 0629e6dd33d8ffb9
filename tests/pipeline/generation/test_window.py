"""The window: always full while there is work, never more than its size, and nothing swallowed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.generation.window import roll_window


def feed(count: int) -> Callable[[], Awaitable[int | None]]:
    items = iter(range(count))

    async def next_item() -> int | None:
        return next(items, None)

    return next_item


@given(st.integers(min_value=0, max_value=40), st.integers(min_value=1, max_value=9), st.randoms())
@settings(deadline=None, max_examples=50)
def test_every_item_is_worked_once_and_never_more_than_the_window_at_a_time(
    count: int, size: int, random: object
) -> None:
    done: list[int] = []
    at_work = most = 0

    async def work(item: int) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        for _ in range(random.randint(0, 4)):  # type: ignore[attr-defined]
            await asyncio.sleep(0)
        done.append(item)
        at_work -= 1

    asyncio.run(roll_window(feed(count), work, size))
    assert sorted(done) == list(range(count))
    assert most <= size


def test_as_one_item_ends_the_next_begins_while_the_others_go_on() -> None:
    started: list[int] = []

    async def run() -> None:
        gates = [asyncio.Event() for _ in range(10)]

        async def work(item: int) -> None:
            started.append(item)
            await gates[item].wait()

        async def settle() -> None:
            for _ in range(10):
                await asyncio.sleep(0)

        window = asyncio.create_task(roll_window(feed(10), work, 4))
        await settle()
        assert started == [0, 1, 2, 3]
        for ended, begun in ((2, 4), (4, 5), (0, 6)):
            gates[ended].set()
            await settle()
            assert started[-1] == begun
        for gate in gates:
            gate.set()
        await window

    asyncio.run(run())
    assert started == list(range(10))


def test_one_slow_item_does_not_hold_the_others_up() -> None:
    order: list[int] = []

    async def run() -> None:
        release = asyncio.Event()

        async def work(item: int) -> None:
            if item == 0:
                await release.wait()
            order.append(item)
            if item == 19:
                release.set()

        await roll_window(feed(20), work, 2)

    asyncio.run(run())
    assert order == [*range(1, 20), 0]


def test_the_first_failure_cancels_the_others_and_is_raised() -> None:
    cancelled: list[int] = []

    async def work(item: int) -> None:
        if item == 1:
            raise RuntimeError("item 1")
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append(item)
            raise

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(roll_window(feed(100), work, 3))
    assert [str(error) for error in caught.value.exceptions] == ["item 1"]
    assert 0 in cancelled


def test_a_window_without_a_place_is_refused_and_does_not_wait_for_ever() -> None:
    async def work(item: int) -> None:
        pass

    with pytest.raises(ValueError, match="0 requests in flight"):
        asyncio.run(asyncio.wait_for(roll_window(feed(1), work, 0), 10))


def test_waiting_for_an_item_with_an_open_place_counts_as_starving() -> None:
    async def slow_next(state: list[int] = [0, 0, 0]) -> int | None:  # noqa: B006 - the items left to give
        if not state:
            return None
        await asyncio.sleep(0.02)
        return state.pop()

    async def work(item: int) -> None:
        pass

    assert asyncio.run(roll_window(slow_next, work, 2)) >= 0.06
