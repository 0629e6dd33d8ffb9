"""One shard of an edition: the original's samples without their pictures, or the original itself."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from pipeline.files import TEMPORARY_SUFFIX, atomic_writer, sync_directory, write_atomic
from pipeline.packing.layout import MEND_SHARD
from pipeline.packing.records import MEMBERS
from pipeline.tars import END_OF_ARCHIVE, Readable, stream_members, tar_member
from schemas.base import Contract
from schemas.errors import DatasetError
from schemas.manifest import Edition, ShardEntry

_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES}
"""Errors of a file system that cannot link here: another device, no such thing, or too many links already."""


class StagedShard(Contract):
    """The receipt of a staged shard: what it is, and the original it was made from."""

    edition: Edition
    original: ShardEntry
    shard: ShardEntry


@dataclass(frozen=True, slots=True)
class StagingJob:
    """Everything a worker process needs to stage one shard."""

    edition: Edition
    """The one that is wanted."""
    as_it_is: bool
    """Whether that is the original's own, so that the same bytes will do."""
    source: Path
    """The original shard."""
    original: ShardEntry
    target: Path
    receipt: Path

    @property
    def unchanged(self) -> StagedShard:
        """What is staged when the target is the original."""
        return StagedShard(edition=self.edition, original=self.original, shard=self.original)


def find_staged(job: StagingJob) -> StagedShard | None:
    """A shard that stands finished, made from just this original: a link to it, or one with a receipt that says so."""
    try:
        size = job.target.stat().st_size
        if job.as_it_is and size == job.original.bytes and job.target.samefile(job.source):
            return job.unchanged
        staged = StagedShard.model_validate_json(job.receipt.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    wanted = (job.edition, job.original)
    return staged if (staged.edition, staged.original) == wanted and staged.shard.bytes == size else None


def stage_shard(job: StagingJob) -> StagedShard:
    """Write one shard and its receipt; either appears whole or not at all.

    Without pictures the keys, labels and records are the original's, byte for byte. As it is, the shard becomes another
    name of the original file, which is then not read; where the file system cannot do that, a copy.

    Raises:
        DatasetError: the original is missing, damaged, or not what its manifest says.
        OSError: the disk is full.
    """
    job.receipt.unlink(missing_ok=True)
    try:
        _check_size(job)
        if job.as_it_is and _link(job.source, job.target):
            return job.unchanged
        shard = _write(job, MEMBERS["pictures"] if job.as_it_is else MEMBERS["annotations"])
    except FileNotFoundError as error:
        if error.filename != str(job.source):
            raise
        raise DatasetError(f"{job.source}: is missing", "pack again, or fetch it again") from error
    except DatasetError as error:
        raise DatasetError(f"{job.source}: {error.problem}", MEND_SHARD) from error
    staged = StagedShard(edition=job.edition, original=job.original, shard=shard)
    write_atomic(job.receipt, staged.model_dump_json().encode())
    return staged


def _check_size(job: StagingJob) -> None:
    size = job.source.stat().st_size
    if size != job.original.bytes:
        raise DatasetError(f"has {size:,} bytes, the manifest says {job.original.bytes:,}")


def _write(job: StagingJob, members: tuple[str, ...]) -> ShardEntry:
    digest, size = hashlib.sha256(), 0
    with job.source.open("rb") as source, atomic_writer(job.target) as target:
        original = _Hashing(source)
        for blocks in _copied(original, job.original.bytes, members):
            target.write(blocks)
            digest.update(blocks)
            size += len(blocks)
        if original.digest.hexdigest() != job.original.sha256:
            raise DatasetError("has another checksum than the manifest says")
    return job.original.model_copy(update={"bytes": size, "sha256": digest.hexdigest()})


def _copied(original: Readable, size: int, members: tuple[str, ...]) -> Iterator[bytes]:
    for member in stream_members(original, size):
        if member.suffix in members:
            yield tar_member(member.name, member.data)
    yield END_OF_ARCHIVE


def _link(source: Path, target: Path) -> bool:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    temporary.unlink(missing_ok=True)
    try:
        temporary.hardlink_to(source)
        temporary.replace(target)
        sync_directory(target.parent)
    except OSError as error:
        if error.errno in _NO_LINKS:
            return False
        raise
    finally:
        temporary.unlink(missing_ok=True)
    return True


class _Hashing:
    """A file that is hashed as it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data
