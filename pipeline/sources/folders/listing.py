"""Folders of any width, listed in an order that depends on names alone, in some 25 bytes an entry."""

from __future__ import annotations

import errno
import functools
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.sources.entries import ARCHIVE_SUFFIXES, unreadable

_TAKEN_AT_ONCE = 16_384
"""Entries of a folder that are Python objects at a time."""

_IS_ARCHIVE = f"(?i)({'|'.join(map(re.escape, ARCHIVE_SUFFIXES))})$"


@dataclass(frozen=True, slots=True)
class Listing:
    """What one folder holds, each part in the order of the names' bytes."""

    names: pa.BinaryArray
    """Names of everything but folders: files, links, pipes, ..."""
    loose: pa.BinaryArray
    """Those that are no archives."""
    archives: tuple[str, ...]
    """Names of the files that are archives, judged by these names."""
    folders: tuple[str, ...]


def walk_folders(root: Path) -> Iterator[tuple[str, Listing]]:
    """Yield every folder under ``root``, itself first, with its path as a prefix: empty, or ending with a slash.

    Links are not followed.

    Raises:
        SourceError: a folder cannot be read. Its images would be missed, and nobody could say how many.
    """
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        listing = list_folder(root / prefix)
        yield prefix, listing
        waiting.extend(f"{prefix}{name}/" for name in reversed(listing.folders))


def walk(root: Path) -> Iterator[str]:
    """Yield the paths of everything under ``root`` that is no folder, relative to ``root`` in POSIX form.

    A folder's own entries come first, in the order of their names, then its folders. Links are yielded, never followed.

    Raises:
        SourceError: a folder cannot be read.
    """
    for prefix, listing in walk_folders(root):
        for begin in range(0, len(listing.names), _TAKEN_AT_ONCE):
            for name in listing.names[begin : begin + _TAKEN_AT_ONCE].to_pylist():
                yield prefix + os.fsdecode(name)


def list_folder(folder: Path) -> Listing:
    """List one folder.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        # Stretches of one folder are scanned one after the other: it need not be listed anew for each.
        return _list(folder, folder.stat().st_mtime_ns)
    except OSError as error:
        raise unreadable(folder, error) from error


@functools.lru_cache(maxsize=1)
def _list(folder: Path, _changed: int) -> Listing:
    folders: list[bytes] = []
    pieces: list[pa.Array] = []
    with os.scandir(os.fsencode(folder)) as entries:
        while piece := list(islice(entries, _TAKEN_AT_ONCE)):
            is_folder = [entry.is_dir(follow_symlinks=False) for entry in piece]
            folders += [entry.name for entry, is_one in zip(piece, is_folder, strict=True) if is_one]
            names = [entry.name for entry, is_one in zip(piece, is_folder, strict=True) if not is_one]
            pieces.append(pa.array(names, pa.binary()))
    names = pa.chunked_array(pieces, pa.binary()).combine_chunks()
    names = names.take(pc.sort_indices(names))
    candidates = names.filter(pc.match_substring_regex(names, _IS_ARCHIVE)).to_pylist()
    archives = [name for name in candidates if is_file(folder / os.fsdecode(name))]
    loose = names.filter(pc.invert(pc.is_in(names, pa.array(archives, pa.binary())))) if archives else names
    return Listing(names, loose, tuple(map(os.fsdecode, archives)), tuple(map(os.fsdecode, sorted(folders))))


def is_file(path: Path) -> bool:
    """Whether a path is a regular file itself; ``False`` for a link.

    Raises:
        SourceError: it vanished, or nobody may know.
    """
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError as error:
        raise unreadable(path, error) from error


def leads_to_file(path: Path) -> bool:
    """Whether a path is a regular file, or a link to one.

    Raises:
        SourceError: nobody may know.
    """
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        # a link to nothing, to itself, or to what would lie in a file
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
            return False
        raise unreadable(path, error) from error
