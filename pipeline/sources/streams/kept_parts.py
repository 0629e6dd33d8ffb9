"""The parts of a candidate store: tars of images, and beside each the listing of what it holds and where."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.files import TEMPORARY_SUFFIX, atomic_writer, write_atomic
from pipeline.sources.entries import unreadable
from schemas.errors import SourceError
from schemas.image import ImageRef

_ENTRY = np.dtype(
    [("key", "<u8"), ("image_id", "S22"), ("part", "<u4"), ("position", "<u8"), ("size", "<u8"), ("crc", "<u4")]
)
_Entries = npt.NDArray[np.void]

_LISTING = ".listing"
_CHECKSUM = 4
"""Bytes at the end of a listing: CRC-32 of those before."""


class KeptImage(NamedTuple):
    """An image that is to be written."""

    ref: ImageRef
    data: bytes


@dataclass(frozen=True)
class _Loaded:
    """What the parts hold, sorted by key."""

    names: frozenset[str]
    entries: _Entries
    keys: npt.NDArray[np.uint64]
    """Of the entries, in a piece, so that they can be searched without being copied."""

    @classmethod
    def of(cls, names: frozenset[str], entries: _Entries) -> _Loaded:
        """Sort entries by their keys."""
        entries = entries[np.argsort(entries["key"], kind="stable")]
        return cls(names, entries, np.ascontiguousarray(entries["key"]))


class PartListing:
    """The parts of a store, and where in them every image lies."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._loaded: _Loaded | None = None
        self._is_swept = False

    def find(self, ref: ImageRef) -> np.void | None:
        """The entry of an image, as of the last :meth:`refresh`."""
        if self._loaded is None:
            return None
        keys, key = self._loaded.keys, np.uint64(key_of(ref))
        for at in range(int(np.searchsorted(keys, key)), len(keys)):
            if keys[at] != key:
                break
            found: np.void = self._loaded.entries[at]
            if found["image_id"] == ref.image_id.encode() and found["size"] == ref.size:
                return found
        return None

    def image_ids(self) -> Iterator[str]:
        """The id of every image, once, as of the last :meth:`refresh`."""
        if self._loaded is not None:
            yield from (image_id.decode() for image_id in np.unique(self._loaded.entries["image_id"]))

    def read(self, entry: np.void, ref: ImageRef) -> bytes:
        """The bytes of an entry.

        Raises:
            SourceError: the part is damaged or cannot be read.
        """
        path = self._tar(int(entry["part"]))
        try:
            data = _pread(path, int(entry["size"]), int(entry["position"]))
        except FileNotFoundError:
            data = b""
        except OSError as error:
            raise unreadable(path, error) from error
        if len(data) == entry["size"] and zlib.crc32(data) == entry["crc"]:
            return data
        path.with_suffix(_LISTING).unlink(missing_ok=True)
        raise SourceError(
            f"{path}, which keeps {ref.image_id}, is damaged",
            "run the same command again: what it held is fetched from the source again",
        )

    def refresh(self) -> bool:
        """Read the listings of parts that others wrote; whether there were any.

        Raises:
            SourceError: the folder cannot be read.
        """
        known = self._loaded or _Loaded.of(frozenset(), np.empty(0, _ENTRY))
        names = self._names(_LISTING)
        if self._loaded is not None and names == known.names:
            return False
        if known.names - names:  # some were found damaged
            known = _Loaded.of(frozenset(), np.empty(0, _ENTRY))
        added = [self._load(name) for name in sorted(names - known.names)]
        entries = np.concatenate([known.entries, *added])
        self._loaded = _Loaded.of(names, entries)
        return True

    def clear(self) -> None:
        """Remove all parts.

        Raises:
            SourceError: the folder cannot be read or written.
        """
        self._sweep(frozenset())

    def _sweep(self, whole: frozenset[str]) -> None:
        """Remove what a killed writer left, and all parts but some, by the names of their listings."""
        try:
            for path in self._directory.glob(f".part-*{TEMPORARY_SUFFIX}"):
                path.unlink()
            for name in self._names(_LISTING) - whole:
                (self._directory / name).unlink()
            for name in self._names(".tar"):
                if name.removesuffix(".tar") + _LISTING not in whole:
                    (self._directory / name).unlink()
        except OSError as error:
            raise unreadable(self._directory, error) from error
        self._loaded, self._is_swept = None, True

    def write(self, images: list[KeptImage]) -> None:
        """Write a part; before the first, remove what is damaged or was left half written.

        Raises:
            OSError: the folder cannot be written.
        """
        if not self._is_swept:
            self._sweep(frozenset(name for name in self._names(_LISTING) if len(self._load(name))))
        number = max((int(name[5:-4]) for name in self._names(".tar")), default=0) + 1
        path = self._tar(number)
        entries = np.empty(len(images), _ENTRY)
        with atomic_writer(path) as file:
            for at, (ref, data) in enumerate(images):
                header = tarfile.TarInfo(f"{ref.image_id}.JPEG")
                header.size = len(data)
                file.write(header.tobuf(tarfile.USTAR_FORMAT))
                entries[at] = (key_of(ref), ref.image_id.encode(), number, file.tell(), len(data), zlib.crc32(data))
                file.write(data)
                file.write(bytes(-len(data) % tarfile.BLOCKSIZE))
            file.write(bytes(2 * tarfile.BLOCKSIZE))
        content = entries.tobytes()
        write_atomic(path.with_suffix(_LISTING), content + zlib.crc32(content).to_bytes(_CHECKSUM, "little"))

    def _load(self, name: str) -> _Entries:
        """What a part holds: nothing when it or its listing is damaged."""
        path = self._directory / name
        try:
            content = path.read_bytes()
            length = path.with_suffix(".tar").stat().st_size
        except FileNotFoundError:
            content, length = b"", 0
        except OSError as error:
            raise unreadable(path, error) from error
        content, checksum = content[:-_CHECKSUM], content[-_CHECKSUM:]
        if zlib.crc32(content) != int.from_bytes(checksum, "little") or len(content) % _ENTRY.itemsize:
            content = b""
        entries: _Entries = np.frombuffer(content, _ENTRY)
        return entries if (entries["position"] + entries["size"] <= length).all() else entries[:0]

    def _names(self, suffix: str) -> frozenset[str]:
        try:
            with os.scandir(self._directory) as found:
                return frozenset(
                    entry.name for entry in found if entry.name.startswith("part-") and entry.name.endswith(suffix)
                )
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise unreadable(self._directory, error) from error

    def _tar(self, number: int) -> Path:
        return self._directory / f"part-{number:06}.tar"


def key_of(ref: ImageRef) -> int:
    """Sixty-four bits that stand for an image's place in the source; its id tells those apart that share them."""
    place = f"{ref.offset} {ref.container}".encode()
    return int.from_bytes(hashlib.blake2b(place, digest_size=8).digest(), "little")


def _pread(path: Path, length: int, offset: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, length, offset)
    finally:
        os.close(descriptor)
