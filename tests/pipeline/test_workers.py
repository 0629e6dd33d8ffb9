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
from schemas.errors import ImageNetThinkError


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
    os.write(1, f"{os.getpid()}\\n".encode())  # at once: two workers share the pipe
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


INTERRUPTED = """
import time
from pipeline.workers import ordered_map

def work(number):
    time.sleep(0.01)

if __name__ == "__main__":
    try:
        print("at work", flush=True)
        for _ in ordered_map(work, range(1_000_000), 2):
            pass
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.mark.parametrize("seconds", [0.0, 0.04, 0.1, 0.2, 0.6])
def test_an_interrupt_from_the_terminal_is_heard_by_the_parent_alone(seconds: float, tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(INTERRUPTED)
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "parent.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "at work\n"
        time.sleep(seconds)
        os.killpg(parent.pid, signal.SIGINT)
        output, errors = parent.communicate(timeout=60)
    assert (output, errors) == ("interrupted\n", "")


def test_this_process_hears_interrupts_again_while_its_workers_are_at_work() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    results = ordered_map(square, range(3), 2)
    next(results)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    assert list(results) == [1, 4]


def die_at_seven(number: int) -> int:
    if number == 7:
        os._exit(9)  # as abruptly as when the kernel wants its memory back
    return number


def test_a_killed_worker_is_an_error_with_a_remedy() -> None:
    with pytest.raises(ImageNetThinkError, match=r"a worker process was killed.*; .*set fewer workers"):
        list(ordered_map(die_at_seven, range(40), 2))
