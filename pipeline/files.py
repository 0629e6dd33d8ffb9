"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

TEMPORARY_SUFFIX = ".tmp"
"""Ends the name of every file that is still being written; readers ignore such names."""


@contextlib.contextmanager
def atomic_writer(path: Path) -> Iterator[BinaryIO]:
    """Open ``path`` for writing so that it appears complete, synced to disk, when the block ends.

    The bytes go to a temporary name beside it, unique to this call: processes of other machines have the same numbers.
    When the block raises, the temporary file is removed and whatever stood at ``path`` stays.

    Raises:
        OSError: the disk is full or the directory cannot be written; the error names the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)  # writes and syncs fail without saying on which file
        raise
    finally:
        temporary.unlink(missing_ok=True)


_ID_BYTES = 20
"""Of a process's id in a lock file."""


@contextlib.contextmanager
def held(lock: Path, refuse: Callable[[str], Exception]) -> Iterator[None]:
    """Hold a lock file for this process while the block runs, however that ends.

    Args:
        lock: the file; made where it is missing, and left behind.
        refuse: makes the error that is raised when another process holds it, from that one's id.

    Raises:
        OSError: the file cannot be opened.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise refuse(os.pread(descriptor, _ID_BYTES, 0).decode().strip() or "unknown") from None
        os.pwrite(descriptor, str(os.getpid()).encode().ljust(_ID_BYTES), 0)
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)  # what lies in a folder must not depend on who worked there
    finally:
        os.close(descriptor)


def write_atomic(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` through :func:`atomic_writer`."""
    with atomic_writer(path) as file:
        file.write(data)


def sync_directory(path: Path) -> None:
    """Make renames in a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
