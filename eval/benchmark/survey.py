"""Every record of a dataset read once: what may be found of a train image elsewhere, and what an item is drawn by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from pipeline.files import sha256_of
from pipeline.packed import PackedDataset, Row
from pipeline.progress import Progress
from pipeline.workers import ordered_map, resolve_workers
from schemas.benchmark import Level
from schemas.errors import DatasetError
from schemas.image import SPLITS, Stratum
from schemas.manifest import ShardEntry
from schemas.record import ThinkRecord

IMAGES_PER_WORKER = 2000
"""A process takes about a second to start; with fewer records to read it does not earn that back."""


class Traces(NamedTuple):
    """By what an image can be recognised."""

    key: str
    wnid: str
    sha256: bytes
    """Of the collection's file."""
    phash: int

    @classmethod
    def of(cls, record: ThinkRecord) -> Self:
        """Those of a record's image."""
        return cls(record.image_id, record.wnid, bytes.fromhex(record.sha256), int(record.phash, 16))


class Candidate(NamedTuple):
    """An image of the benchmark split, before any is drawn."""

    traces: Traces
    level: Level
    domain: str
    stratum: Stratum

    @property
    def key(self) -> str:
        """The image's id."""
        return self.traces.key

    @property
    def wnid(self) -> str:
        """Its class."""
        return self.traces.wnid


@dataclass(frozen=True, slots=True)
class ShardJob:
    """A shard to read in whatever process."""

    dataset: PackedDataset
    """Its manifest names this shard alone."""
    shard: ShardEntry


@dataclass(slots=True)
class Survey:
    """All of a dataset, a few dozen bytes of every image."""

    train: list[Traces] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)


def survey(dataset: PackedDataset, progress: Progress, workers: int | None = None) -> Survey:
    """Read all records of both splits; no text and no picture is kept.

    Args:
        dataset: of either edition.
        progress: told of images.
        workers: processes, 0 for one per core; as many as are worth starting when ``None``.

    Raises:
        DatasetError: a shard is missing, damaged or not the one that the manifest names, or a record's split, holdout
            or prompt is not what it must be.
    """
    shards = [shard for split in SPLITS for shard in dataset.shards(split)]
    images = sum(shard.images for shard in shards)
    if workers is None:
        workers = max(1, min(resolve_workers(0), len(shards), images // IMAGES_PER_WORKER))
    found = Survey()
    jobs = [ShardJob(alone(dataset, shard), shard) for shard in shards]
    with progress.task("read records", images, "images") as task:
        for shard, read in zip(shards, ordered_map(read_shard, jobs, workers), strict=True):
            found.train += read.train
            found.candidates += read.candidates
            task.advance(shard.images)
    return found


def alone(dataset: PackedDataset, shard: ShardEntry) -> PackedDataset:
    """The dataset with one shard: a manifest of all of them would be carried to the workers each time."""
    return PackedDataset(dataset.root, dataset.manifest.model_copy(update={"shards": (shard,), "pictured": ()}))


def read_shard(job: ShardJob) -> Survey:
    """Read one shard's records; errors as of :func:`survey`."""
    path = job.dataset.root / job.shard.path
    if path.is_file() and sha256_of(path) != job.shard.sha256:
        raise DatasetError(f"{path}: is not what the manifest says", f"see imagenet-think verify {job.dataset.root}")
    found = Survey()
    for row in _checked(job):
        record = row.record
        if record.split == "train":
            found.train.append(Traces.of(record))
            continue
        if record.holdout == "none":
            raise DatasetError(f"{path}: {row.key} is in the benchmark split and not held out", _BUILD_AGAIN)
        found.candidates.append(Candidate(Traces.of(record), record.holdout, record.domain, record.stratum))
    return found


_BUILD_AGAIN = "build the dataset again"


def _checked(job: ShardJob) -> Iterator[Row]:
    path = job.dataset.root / job.shard.path
    for row in job.dataset.read(job.shard):
        if row.record.split != job.shard.split:
            raise DatasetError(f"{path}: {row.key} says that it is in {row.record.split}", _BUILD_AGAIN)
        if row.record.label_shown:
            raise DatasetError(f"{path}: the teachers were told the class of {row.key}", SHOWN_LABEL)
        yield row


SHOWN_LABEL = "build a dataset with a prompt that does not show it: texts that copy the label measure nothing"
"""What to do about a prompt that tells teachers the class."""
