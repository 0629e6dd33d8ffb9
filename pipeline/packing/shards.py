"""One shard: from its spool files to a tar that is the same on every run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pipeline.files import atomic_writer, write_atomic
from pipeline.packing.inputs import Parse
from pipeline.packing.layout import ShardPlan
from pipeline.packing.records import Entry, build_pair, build_record, serialise_sample
from pipeline.packing.spool import SpoolReader
from pipeline.packing.statistics import Tally, Tallying
from pipeline.screening import UnusableImageError, as_jpeg
from pipeline.sources import Source, read_checked
from pipeline.tars import END_OF_ARCHIVE
from pipeline.workers import resolve_workers
from prompts import Prompt
from schemas.base import Contract, Sha256
from schemas.completion import Completion
from schemas.errors import DatasetError
from schemas.manifest import ShardEntry
from schemas.record import ThinkRecord

IMAGES_PER_WORKER = 256
"""A process takes about a second to start; with fewer images it does not earn that back."""


class ShardReceipt(Contract):
    """Says that a shard is finished, and from what it was made."""

    recipe: Sha256
    shard: ShardEntry
    tally: Tally


@dataclass(frozen=True, slots=True)
class ShardJob:
    """Everything a worker process needs to write one shard."""

    plan: ShardPlan
    recipe: str
    """Digest of everything below that decides the shard's bytes."""
    target: Path
    receipt: Path
    entries: Path
    completions: Path
    source: Source
    prompt: Prompt
    parsers: tuple[Parse, ...]
    """One per teacher."""


def count_workers(workers: int, shards: int, images: int) -> int:
    """Number of processes worth starting for so many shards and images: at most ``workers``, 0 for one per core."""
    return max(1, min(resolve_workers(workers), shards, images // IMAGES_PER_WORKER))


def find_receipt(job: ShardJob) -> ShardReceipt | None:
    """The receipt of a shard that stands finished, made from just this recipe."""
    try:
        receipt = ShardReceipt.model_validate_json(job.receipt.read_bytes())
        size = job.target.stat().st_size
    except (FileNotFoundError, ValidationError):
        return None
    return receipt if (receipt.recipe, receipt.shard.bytes) == (job.recipe, size) else None


def write_shard(job: ShardJob) -> ShardReceipt:
    """Write one shard and its receipt; either appears whole or not at all.

    Raises:
        SourceError: an image is gone or has changed since it was screened.
        DatasetError: a record breaks its contract.
        ConservationError: the spool files do not hold just this shard's rows.
        OSError: the disk is full.
    """
    job.receipt.unlink(missing_ok=True)
    digest, size, tallying = hashlib.sha256(), 0, Tallying()
    with atomic_writer(job.target) as file:
        for blocks in _samples(job, tallying):
            file.write(blocks)
            digest.update(blocks)
            size += len(blocks)
    shard = ShardEntry(
        path=job.plan.path, split=job.plan.split, images=job.plan.images, bytes=size, sha256=digest.hexdigest()
    )
    receipt = ShardReceipt(recipe=job.recipe, shard=shard, tally=tallying.result())
    write_atomic(job.receipt, receipt.model_dump_json().encode())
    return receipt


def _samples(job: ShardJob, tallying: Tallying) -> Iterator[bytes]:
    lanes = len(job.parsers)
    with (
        closing(SpoolReader(job.entries, job.plan.images)) as entries,
        closing(SpoolReader(job.completions, job.plan.images * lanes)) as completions,
    ):
        for index in range(job.plan.images):
            entry = Entry.model_validate_json(entries[index])
            rows = (completions[index * lanes + lane] for lane in range(lanes))
            record, jpeg = _build(job, entry, [Completion.model_validate_json(row) for row in rows])
            tallying.add(record)
            yield serialise_sample(record, jpeg, entry.label)
    yield END_OF_ARCHIVE


def _build(job: ShardJob, entry: Entry, completions: list[Completion]) -> tuple[ThinkRecord, bytes]:
    data = read_checked(job.source, entry.image.ref, entry.image.facts.sha256)
    try:
        jpeg, encoding = as_jpeg(data)
        pairs = [
            build_pair(completion, parse(completion))
            for completion, parse in zip(completions, job.parsers, strict=True)
        ]
        record = build_record(entry, encoding, job.prompt, pairs)
    except UnusableImageError as error:
        raise error.at(entry.image.ref.image_id) from error
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise DatasetError(f"{entry.image.ref.image_id}: cannot be packed, {where}: {fault['msg']}") from error
    return record, jpeg
