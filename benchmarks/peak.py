"""The most memory that this process and its workers held while something ran. Linux only: it reads ``/proc``."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

_INTERVAL = 0.05
"""Seconds between two looks at the workers."""


class PeakMemory:
    """Measures while its block runs.

    The process's own peak is the kernel's, and exact. Workers are looked at every 50 ms for the kernel's peak of each,
    so only what one takes in its last moment is missed. Both are resident memory: pages that processes share count in
    each of them.
    """

    def __init__(self) -> None:
        self.bytes = 0
        """Own peak plus the largest sum of the workers' peaks."""
        self._workers = 0
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to what is resident now
        self._watcher.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._watcher.join()
        self.bytes = _peak_of("self") + self._workers

    def _watch(self) -> None:
        while not self._done.wait(_INTERVAL):
            self._workers = max(self._workers, sum(map(_peak_of, _children())))


def _children() -> Iterator[str]:
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # the thread has ended
            yield from (thread / "children").read_text().split()


def _peak_of(process: str) -> int:
    with contextlib.suppress(OSError):  # the process has ended
        for line in Path("/proc", process, "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
