"""Processes that end with the one that started them, however that ends. The kernel's promise, and so Linux's alone."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(is_parent: Callable[[], bool], how: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when the thread that started it ends. Survives ``exec``.

    Args:
        is_parent: whether the parent still lives; one that was gone before the kernel was asked sends no signal.
        how: the signal.

    Raises:
        OSError: the kernel refuses.
    """
    if sys.platform != "linux":
        return
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, how, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if not is_parent():
        os._exit(1)


def promise_to_die(parent: int) -> Callable[[], None]:
    """What a child does between ``fork`` and ``exec`` so that it is killed when its parent's thread ends.

    Args:
        parent: the parent's process id.
    """
    if sys.platform != "linux":
        return lambda: None
    libc = ctypes.CDLL(None, use_errno=True)  # loaded before the fork, after which little may be done

    def promise() -> None:
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) or os.getppid() != parent:
            os._exit(1)

    return promise
