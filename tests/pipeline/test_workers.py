"""Work over processes keeps its order, is bounded, and dies with its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.workers import AHEAD_PER_WORKER, ordered_map


def square(number: int) -> int:
    if number == 13:
        raise ValueError("13")
    time.sleep(0.002 * (number % 3))
    return number * number


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    items = [number for number in range(40) if number != 13]
    assert list(ordered_map(square, items, workers)) == [number * number for number in items]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_is_raised_in_its_item_s_turn(workers: int) -> None:
    results = ordered_map(square, range(40), workers)
    assert [next(results) for _ in range(13)] == [number * number for number in range(13)]
    with pytest.raises(ValueError, match="13"):
        next(results)


def test_items_are_drawn_only_as_results_are_taken() -> None:
    drawn = 0

    def items() -> Iterator[int]:
        nonlocal drawn
        for number in range(14, 1000):
            drawn += 1
            yield number

    results = ordered_map(square, items(), 2)
    for _ in range(5):
        next(results)
    assert drawn <= 5 + 2 * (1 + AHEAD_PER_WORKER)


PARENT = """
import os, sys, time
from pipeline.workers import ordered_map

def work(number):
    print(os.getpid(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    list(ordered_map(work, range(2), 2))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "parent.py")], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        workers = [int(parent.stdout.readline()) for _ in range(2)]
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.05)
