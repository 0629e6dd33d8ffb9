"""Objects of one folder on an S3 store, each written and read whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import fs

from pipeline.files import atomic_writer
from pipeline.lines import printable
from pipeline.storage.address import Address, is_plain
from pipeline.storage.faults import PAUSES, PassingError, persist
from schemas.errors import StorageError

_ONE_REQUEST = 5 << 20
"""Bytes of the largest file that is sent in one request: the least that a store takes as a part of several."""

_READ_BYTES = 16 << 20
"""Asked for in one request."""

_CONNECT_SECONDS = 5.0
_REQUEST_SECONDS = 60.0
_ATTEMPTS = 2
"""Of Arrow, per request; longer troubles are waited for in ``faults``."""

_PROBE = ".imagenet-think"
"""Object of no bytes that says that the folder could be written to."""


def find_endpoint() -> str:
    """Address of the store's server where it is not Amazon's; as all of Amazon's own clients read it."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An object as the store lists it.

    Args:
        place: relative to the run directory.
        size: bytes.
        mtime: when it was written, seconds: stores tell no finer, or not always.
    """

    place: str
    size: int
    mtime: int


@dataclass(frozen=True)
class ObjectStore:
    """One folder of a bucket. May be used by several threads.

    Args:
        address: the folder.
        pauses: seconds before each further try of what failed and may pass.
    """

    address: Address
    pauses: Sequence[float] = PAUSES

    def check(self) -> None:
        """Make sure that the folder can be written to.

        Raises:
            StorageError: no such bucket, no access, or nobody answers.
        """
        persist(str(self.address), partial(_send, self._at_once, self._key(_PROBE), b""), self.pauses)

    def list(self, place: str) -> list[StoredFile]:
        """The object of this name, or all in the folder of this name; none where there is neither.

        Raises:
            StorageError: the store fails, or holds keys that are no places.
        """
        selector = fs.FileSelector(self._key(place), recursive=True, allow_not_found=True)
        found = persist(self._name(place), lambda: self._at_once.get_file_info(selector), self.pauses)
        files = [self._read_info(info) for info in found if info.type is fs.FileType.File]
        if files:
            self._check_keys(files)
            return files
        alone = self.look_up(place)
        return [] if alone is None else [alone]

    def look_up(self, place: str) -> StoredFile | None:
        """One object, if it is there."""
        info = persist(self._name(place), lambda: self._at_once.get_file_info(self._key(place)), self.pauses)
        return self._read_info(info) if info.type is fs.FileType.File else None

    def write(self, place: str, path: Path) -> None:
        """Store a file; what stood there is replaced at once when all of it has arrived, or stays.

        Raises:
            StorageError: the store fails.
            OSError: the file cannot be read.
        """
        data = _map(path)  # before the stream is opened: one that is dropped stores what it has, which is nothing
        system = self._at_once if len(data) < _ONE_REQUEST else self._in_parts
        send = partial(_send, system, self._key(place), data)
        # In a thread, which no signal interrupts: dropped between opening and writing, the stream would do the same.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(persist, self._name(place), send, self.pauses).result()

    def read(self, file: StoredFile, path: Path, *, may_change: bool) -> None:
        """Fetch an object into a file, which appears whole or not at all.

        Args:
            file: as it was listed.
            path: the file.
            may_change: whether another may be written over it while it is read.

        Raises:
            FileNotFoundError: it is there no more.
            StorageError: the store fails, or the object goes on changing.
            OSError: the file cannot be written.
        """
        persist(self._name(file.place), lambda: self._read(file, path, may_change=may_change), self.pauses)

    def delete(self, place: str) -> None:
        """Delete an object; one that is there no more is as good."""
        try:
            persist(self._name(place), lambda: self._at_once.delete_file(self._key(place)), self.pauses)
        except FileNotFoundError:
            return

    def _read(self, file: StoredFile, path: Path, *, may_change: bool) -> None:
        with atomic_writer(path) as out, self._at_once.open_input_file(self._key(file.place)) as stream:
            size = stream.size()
            while out.tell() < size and (data := stream.read(_READ_BYTES)):
                out.write(data)
            if out.tell() != size:
                raise PassingError(f"{out.tell()} of {size} bytes came")
            # a large object comes in several requests, and nothing says that they were answered from one
            if (size != file.size or may_change) and self.look_up(file.place) != file:
                raise PassingError("changes while it is read")

    @cached_property
    def _at_once(self) -> Any:
        return self._open(allow_delayed_open=True)

    @cached_property
    def _in_parts(self) -> Any:
        # With a delayed opening, one that fails leaves a stream which stores an empty object when it is closed.
        return self._open(allow_delayed_open=False)

    def _open(self, **options: bool) -> Any:
        scheme, _, host = find_endpoint().rpartition("://")
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if region is None:
            name = str(self.address)
            region = "us-east-1" if host else persist(name, lambda: fs.resolve_s3_region(self.address.bucket), ())
        return fs.S3FileSystem(
            endpoint_override=host or None,
            scheme=scheme or "https",
            region=region,
            connect_timeout=_CONNECT_SECONDS,
            request_timeout=_REQUEST_SECONDS,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
            **options,
        )

    def _key(self, place: str) -> str:
        return f"{self.address.root}/{place}"

    def _name(self, place: str) -> str:
        return f"{self.address}/{place}"

    def _read_info(self, info: Any) -> StoredFile:
        return StoredFile(info.path.removeprefix(f"{self.address.root}/"), info.size, info.mtime_ns // 10**9)

    def _check_keys(self, files: Sequence[StoredFile]) -> None:
        """Refuse keys that would lead elsewhere as paths, or that cannot be files beside each other."""
        folders = {file.place.rpartition("/")[0] for file in files}
        parents = {"/".join(parts[: end + 1]) for parts in (f.split("/") for f in folders) for end in range(len(parts))}
        for file in files:
            if not is_plain(file.place) or file.place in parents:
                raise StorageError(
                    f"{self.address}: holds an object that is no file of a run directory: {printable(file.place)}",
                    "remove it, or choose another --run-dir",
                )


def _map(path: Path) -> Any:
    """A file's bytes, read from the disk as they are needed."""
    if not path.stat().st_size:
        return pa.py_buffer(b"")  # an empty file cannot be mapped
    with pa.memory_map(str(path)) as file:
        return file.read_buffer()


def _send(system: Any, key: str, data: Any) -> None:
    """Store bytes under a key.

    They are handed over in one call, and not in a ``with``: it would close the stream after an error, and closing is
    what makes an object appear.
    """
    stream = system.open_output_stream(key)
    stream.write(data)
    stream.close()
