"""Archive files as containers: each by itself, or each of the archives in it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.sources.archives.access import fetching
from pipeline.sources.archives.compressed import LONGEST_MAGIC, refuse_compressed
from pipeline.sources.archives.headers import Damage, Fetch, Member, read_members
from pipeline.sources.archives.judging import judge_member
from pipeline.sources.archives.ranges import OpenFile
from pipeline.sources.archives.scan import Archive, scan_archive
from pipeline.sources.base import Batch, Container
from pipeline.sources.entries import is_archive, unreadable
from pipeline.sources.options import ScanOptions

SCANNER = 1
"""Version of the code that lists archives and folders; raised when it finds other entries in the same bytes."""


@dataclass(frozen=True, slots=True)
class ArchiveContainer(Container):
    """An archive file, or an archive in it."""

    place: str
    """What it is called in rejections."""
    inner: bool = False
    skips_archives: bool = False
    """The archives in it are containers of their own."""


def list_archives(path: Path, name: str, place: str) -> Iterator[Container]:
    """The containers of one archive file, in the order of their places in it.

    A tar of tars gives one for each archive in it, and one for whatever lies beside these. It is recognised by its
    first member that is no folder: a flat tar of millions would have to be read through to know.

    Args:
        path: of the archive file.
        name: what references call it.
        place: what rejections call it.

    Raises:
        SourceError: the file cannot be read; it or an archive in it is compressed.
    """
    try:
        file = OpenFile(path)
        facts = os.fstat(file.descriptor)
        fetch = partial(os.pread, file.descriptor)
        refuse_compressed(fetch(LONGEST_MAGIC, 0), str(path))
        identity = (SCANNER, name, facts.st_size, facts.st_mtime_ns)
        whole = ArchiveContainer(name, 0, facts.st_size, digest(*identity), facts.st_size, place)
        if _is_nested(fetch, facts.st_size):
            yield from _list_inner(fetch, whole, identity)
        else:
            yield whole
    except OSError as error:
        raise unreadable(path, error) from error


def scan_container(path: Path, container: ArchiveContainer, start: int, options: ScanOptions) -> Iterator[Batch]:
    """Scan one of the containers that :func:`list_archives` gave.

    Raises:
        SourceError: the file cannot be read; an archive in it is compressed.
    """
    try:
        file = OpenFile(path)
        archive = Archive(
            fetch=fetching(file.descriptor, options.scan_mode),
            start=container.start,
            end=container.end,
            container=container.name,
            place=container.place,
            dimensions=options.dimensions,
            inner=container.inner,
            skips_archives=container.skips_archives,
        )
        yield from scan_archive(archive, start)
    except OSError as error:
        raise unreadable(path, error) from error


def digest(*facts: object) -> str:
    """Hexadecimal digest of what a listing depends on."""
    text = "\0".join(map(str, facts))
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _is_nested(fetch: Fetch, end: int) -> bool:
    first = next(_but_folders(read_members(fetch, 0, end)), None)
    if isinstance(first, Damage):
        first = first.cut_off
    return first is not None and first.kind == "file" and is_archive(first.name)


def _but_folders(members: Iterable[Member | Damage]) -> Iterator[Member | Damage]:
    return (found for found in members if isinstance(found, Damage) or found.kind != "folder")


def _list_inner(fetch: Fetch, whole: ArchiveContainer, identity: tuple[object, ...]) -> Iterator[Container]:
    has_others = False
    for found in _but_folders(read_members(fetch, whole.start, whole.end)):
        inner = judge_member(found, whole.name, whole.place, inner=False)
        if not isinstance(inner, Member):
            has_others = True
            continue
        start, end = inner.offset, min(inner.offset + inner.size, whole.end)
        place = f"{whole.place}: {inner.name}"
        refuse_compressed(fetch(LONGEST_MAGIC, start)[: end - start], place)
        yield ArchiveContainer(whole.name, start, end, digest(*identity, start, end), end - start, place, inner=True)
    if has_others:
        # Of its bytes next to nothing is read.
        key = digest(*identity, "others")
        yield ArchiveContainer(whole.name, whole.start, whole.end, key, 0, whole.place, skips_archives=True)
