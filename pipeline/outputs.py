"""Folders that somebody named as ``--out``: made, and held by one process at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from pipeline.files import held
from schemas.errors import ConfigError


@contextlib.contextmanager
def occupied(out: Path, lock: str) -> Iterator[None]:
    """Make a folder and hold it for this process while the block runs, however that ends.

    Args:
        out: the folder.
        lock: path of the lock file inside it; it is left behind.

    Raises:
        ConfigError: another process is at work in it, or it cannot be made.
    """
    file = out / lock
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ConfigError(f"{out}: lies below a file", "name another folder as --out") from error
    with held(file, lambda holder: _refuse(out, holder)):
        yield


def _refuse(out: Path, holder: str) -> ConfigError:
    return ConfigError(f"{out}: process {holder} is at work in it", "wait for it, or name another --out")
