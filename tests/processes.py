"""Looking at processes from outside."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet is gone, too."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(is_so: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
