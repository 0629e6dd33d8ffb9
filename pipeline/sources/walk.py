"""Folders, walked in an order that depends on names alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.sources.entries import unreadable


def walk(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield everything under ``root`` that is not a folder, with its path relative to ``root`` in POSIX form.

    A folder's own entries come first, in the order of their names, then its folders. Links are yielded, never followed.

    Raises:
        SourceError: a folder cannot be read. Its images would be missed, and nobody could say how many.
    """
    folders = [""]
    while folders:
        prefix = folders.pop()
        below = []
        for entry in _list(root / prefix):
            if entry.is_dir(follow_symlinks=False):
                below.append(f"{prefix}{entry.name}/")
            else:
                yield prefix + entry.name, entry
        folders.extend(reversed(below))


def _list(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise unreadable(folder, error) from error
