"""Files that are an image each, as containers: stretches of a folder."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.lines import printable
from pipeline.sources.archives.columns import Numbers, image_table, in_order
from pipeline.sources.archives.containers import SCANNER
from pipeline.sources.archives.names import Found, cut_out, find_images
from pipeline.sources.archives.ranges import OpenFile
from pipeline.sources.base import Batch, Container
from pipeline.sources.entries import is_utf8, judge, reject, unreadable
from pipeline.sources.folders.listing import Listing, list_folder
from pipeline.sources.probe import HEAD_BYTES, Header, probe
from schemas.errors import SourceError
from schemas.image import IndexedImage
from schemas.rejection import Rejection, RejectReason

STRETCH = 32_768
"""Entries of a container, at most."""

BATCH = 4096
"""Entries of a batch, at most: opening a file can take 10 ms."""

HERE = "."
"""Name of the root as a container."""


def list_loose(root: Path, prefix: str, listing: Listing) -> Iterator[Container]:
    """The containers of a folder's loose files, in the order of their names.

    Raises:
        SourceError: a file vanished meanwhile.
    """
    for start in range(0, len(listing.loose), STRETCH):
        stretch = _look(root / prefix, listing, start, min(start + STRETCH, len(listing.loose)))
        size = int(stretch.sizes.sum())
        yield Container(prefix.rstrip("/") or HERE, start, start + len(stretch.names), stretch.key(prefix), size)


def scan_loose(root: Path, container: Container, start: int, *, dimensions: bool) -> Iterator[Batch]:
    """Judge the files of one of the containers that :func:`list_loose` gave, from a position on.

    Raises:
        SourceError: the folder cannot be read, or has changed since it was listed.
    """
    prefix = "" if container.name == HERE else f"{container.name}/"
    folder = root / prefix
    stretch = _look(folder, list_folder(folder), container.start, container.end)
    if stretch.key(prefix) != container.key:
        raise SourceError(
            f"{printable(str(folder))} changed while it was indexed", "start again once nothing writes to it"
        )
    try:
        opened = OpenFile(folder)
        for begin in range(start - container.start, len(stretch.names), BATCH):
            piece = stretch.slice(begin, begin + BATCH)
            headers = [_probe(opened.descriptor, *file) for file in piece.files()] if dimensions else []
            yield _judge(piece, prefix, headers, container.start + begin + len(piece.names))
    except OSError as error:
        raise unreadable(folder, error) from error


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Some entries of a folder, and what the file system says of them."""

    names: pa.BinaryArray
    modes: Numbers
    sizes: Numbers
    """In bytes."""
    times: Numbers
    """Of the last change, in nanoseconds."""

    def key(self, prefix: str) -> str:
        """Digest of all that."""
        digest = hashlib.blake2b(f"{SCANNER}\0{prefix}\0".encode("utf-8", "surrogateescape"), digest_size=16)
        for column in (self.modes, self.sizes, self.times):
            digest.update(column.tobytes())
        digest.update(b"\0".join(self.names.to_pylist()))
        return digest.hexdigest()

    def slice(self, begin: int, end: int) -> _Stretch:
        """Some of them."""
        columns = (self.modes[begin:end], self.sizes[begin:end], self.times[begin:end])
        return _Stretch(self.names[begin:end], *columns)

    @property
    def are_files(self) -> npt.NDArray[np.bool_]:
        """Which are regular files."""
        found: npt.NDArray[np.bool_] = self.modes & 0o170000 == stat.S_IFREG
        return found

    def files(self) -> Iterator[tuple[bytes, bool, int]]:
        """Name, whether it is a regular file, and size of each."""
        return zip(self.names.to_pylist(), self.are_files.tolist(), self.sizes.tolist(), strict=True)


def _look(folder: Path, listing: Listing, start: int, end: int) -> _Stretch:
    names = listing.loose[start:end]
    facts = np.empty((len(names), 3), dtype=np.int64)
    try:
        opened = OpenFile(folder)
        for row, name in enumerate(names.to_pylist()):
            found = os.stat(name, dir_fd=opened.descriptor, follow_symlinks=False)
            facts[row] = found.st_mode, found.st_size, found.st_mtime_ns
    except OSError as error:
        raise unreadable(folder, error) from error
    return _Stretch(names, *facts.T.copy())


def _probe(folder: int, name: bytes, is_file: bool, size: int) -> Header | None:  # noqa: FBT001 - columns of one row
    """Look into a file. One that cannot be opened stays: screening will say why it cannot be read."""
    if not is_file or not size:
        return None
    try:
        # Neither a link nor a pipe that took its place meanwhile is waited for or followed.
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return None
    try:
        return probe(os.pread(descriptor, HEAD_BYTES, 0), partial(_read_at, descriptor))
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _read_at(descriptor: int, offset: int, length: int) -> bytes:
    return os.pread(descriptor, length, offset)


def _judge(stretch: _Stretch, prefix: str, headers: list[Header | None], position: int) -> Batch:
    found = _find_images(stretch, prefix)
    rows = np.flatnonzero(found.is_image)
    names = stretch.names.filter(pa.array(found.is_image)).cast(pa.string())
    # There are none where the folder's name is not UTF-8.
    containers = pc.binary_join_element_wise(prefix, names, "") if len(rows) else names
    looks = [headers[row] for row in rows.tolist()] if headers else []
    images = image_table(found, containers, np.zeros(len(rows), dtype=np.int64), stretch.sizes[rows], looks)
    others: dict[int, IndexedImage] = {}
    rejections: list[Rejection] = []
    for row in np.flatnonzero(~found.is_image).tolist():
        entry = _judge_one(stretch, row, prefix, headers[row] if headers else None)
        if isinstance(entry, Rejection):
            rejections.append(entry)
        else:
            others[row] = entry
    return Batch(in_order(images, rows, others)[0], rejections, 0, position)


def _judge_one(stretch: _Stretch, row: int, prefix: str, header: Header | None) -> IndexedImage | Rejection:
    path = prefix + os.fsdecode(stretch.names[row].as_py())
    if not stretch.are_files[row]:
        return reject(RejectReason.NOT_A_REGULAR_FILE, path, name=path)
    image_format, width, height = header or (None, None, None)
    size = int(stretch.sizes[row])
    return judge(path, path, 0, size, path, width=width, height=height, image_format=image_format)


def _find_images(stretch: _Stretch, prefix: str) -> Found:
    """Find the files that are surely images by their names."""
    begin = stretch.names.offset
    offsets = np.frombuffer(stretch.names.buffers()[1], dtype=np.int32)[begin : begin + len(stretch.names) + 1]
    places = offsets.astype(np.int64)
    lengths = np.where(stretch.are_files & is_utf8(prefix), np.diff(places), 0)
    text = np.frombuffer(stretch.names.buffers()[2] or b"\0", dtype=np.uint8)
    return find_images(cut_out(text, places[:-1], lengths), lengths)
