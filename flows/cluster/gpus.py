"""Locks that keep an orphaned run and its successor from loading two models onto one GPU.

They are the kernel's, so whoever dies lets go.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.files import held
from schemas.errors import EngineError

VISIBLE = "CUDA_VISIBLE_DEVICES"

PATIENCE = 900.0
"""Seconds to wait for a run that was given up and still holds a GPU: it may be writing its last texts."""

_PAUSE = 1.0


class _TakenError(Exception):
    """Another process holds a GPU; the argument is its id."""


@contextlib.contextmanager
def gpus_held(warn: Callable[[str], None], patience: float = PATIENCE) -> Iterator[None]:
    """Hold the GPUs that this process may use, all of them, while the block runs.

    Args:
        warn: tells the user whom is waited for.
        patience: seconds to wait for each.

    Raises:
        EngineError: another process does not let go of one.
    """
    with contextlib.ExitStack() as stack:
        folder = _lock_folder()
        for gpu in visible_gpus():
            stack.enter_context(_gpu_held(folder, gpu, warn, patience))
        yield


def visible_gpus() -> list[str]:
    """Names of the GPUs that this process may use, in the order in which they are locked; ``all`` where nobody says."""
    visible = os.environ.get(VISIBLE)
    if visible is None:
        return ["all"]
    return sorted({name.strip() for name in visible.split(",") if name.strip()})


@contextlib.contextmanager
def _gpu_held(folder: Path, gpu: str, warn: Callable[[str], None], patience: float) -> Iterator[None]:
    name = gpu if re.fullmatch(r"[A-Za-z0-9-]{1,64}", gpu) else hashlib.sha256(gpu.encode()).hexdigest()
    deadline, is_told = time.monotonic() + patience, False
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(held(folder / f"{name}.lock", _TakenError))
                break
            except _TakenError as taken:
                if time.monotonic() > deadline:
                    raise EngineError(
                        f"GPU {gpu}: process {taken} still holds it after {patience:.0f} s",
                        "see what it does, and end it if it is left over from a run that was given up",
                    ) from None
                if not is_told:
                    warn(f"GPU {gpu}: process {taken} holds it and is waited for, {patience:.0f} s at most")
                    is_told = True
            time.sleep(_PAUSE)
        yield


def _lock_folder() -> Path:
    """A folder of this user's own in the machine's temporary folder, which others may write to as well.

    Raises:
        EngineError: somebody else has made it.
    """
    folder = Path(tempfile.gettempdir()) / f"imagenet-think-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise EngineError(f"{folder}: belongs to another user", "remove it, or set TMPDIR to a folder of your own")
    return folder
