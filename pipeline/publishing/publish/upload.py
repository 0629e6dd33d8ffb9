"""Carries out a plan: contents first, in batches; then one commit that names them all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pipeline.files import sha256_of
from pipeline.progress import BYTES, Progress
from pipeline.publishing.publish.contents import LocalFile, Plan
from pipeline.publishing.publish.repository import Repository
from schemas.errors import DatasetError, HubError

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd

BATCH_BYTES = 1 << 29
BATCH_FILES = 32
"""What is uploaded between two steps of the progress, at most; a batch's files go side by side."""

_SMALL = 1 << 20
"""Bytes up to which a file is read once, so that what was checked is what is sent."""


def carry_out(
    repository: Repository, plan: Plan, extra: dict[str, bytes], parent: str, message: str, progress: Progress
) -> bool:
    """Bring a branch from one commit to the next.

    Args:
        repository: whose branch.
        plan: what changes.
        extra: further files by path.
        parent: the commit that the plan was made for.
        message: the commit's.
        progress: told of bytes.

    Returns:
        Whether the commit was made; if not, somebody else changed the branch meanwhile.

    Raises:
        DatasetError: a file is no longer what it was when the dataset was verified.
        HubError: the hub refuses, or cannot be reached.
        OSError: a file cannot be read.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete  # noqa: PLC0415 - takes its time

    additions = []
    with progress.task("upload", plan.bytes, BYTES) as task:
        for batch in _batches(plan.uploads):
            sent = [_prepare(file) for file in batch]
            _send(repository, batch, sent)
            for file, addition in zip(batch, sent, strict=True):
                _check(file, addition.upload_info.sha256.hex())
            task.advance(sum(file.size for file in batch))
            additions += sent
    additions += [CommitOperationAdd(name, data) for name, data in extra.items()]
    deletions = [CommitOperationDelete(name, is_folder=False) for name in plan.deletions]
    return repository.commit([*deletions, *additions], message, parent)


def _send(repository: Repository, batch: list[LocalFile], additions: list[CommitOperationAdd]) -> None:
    try:
        repository.send(additions)
    except HubError:
        for file in batch:  # what changes while it is sent is refused there
            _check(file, sha256_of(file.path))
        raise


def _batches(files: Iterable[LocalFile]) -> Iterator[list[LocalFile]]:
    batch: list[LocalFile] = []
    for file in files:
        if batch and (len(batch) == BATCH_FILES or sum(each.size for each in batch) + file.size > BATCH_BYTES):
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch


def _prepare(file: LocalFile) -> CommitOperationAdd:
    from huggingface_hub import CommitOperationAdd  # noqa: PLC0415 - takes its time

    if file.size > _SMALL:
        return CommitOperationAdd(file.name, str(file.path))
    data = file.path.read_bytes()
    _check(file, hashlib.sha256(data).hexdigest())
    return CommitOperationAdd(file.name, data)


def _check(file: LocalFile, sha256: str) -> None:
    if sha256 != file.sha256:
        raise DatasetError(
            f"{file.path}: changed since the dataset was verified; nothing was published",
            "remove that file, which is made again, and run the same command again",
        )
