"""One shard: its annotations and the reader's pictures in, a shard with pictures out."""

from __future__ import annotations

import errno
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError

from pipeline.files import atomic_writer, write_atomic
from pipeline.packed import PackedDataset, Row
from pipeline.packing.records import serialise_sample
from pipeline.packing.statistics import Tally, Tallying
from pipeline.publishing.rejoin.compare import LIMITS, Found, Missed, compare
from pipeline.publishing.rejoin.report import REASONS, NotExact, Outcome
from pipeline.sources import Source
from pipeline.tables import TableWriter
from pipeline.tars import END_OF_ARCHIVE
from schemas.base import Contract, Sha256
from schemas.errors import ConservationError, SourceError
from schemas.image import ImageRef
from schemas.manifest import ShardEntry
from schemas.record import ThinkRecord
from schemas.rejection import RejectReason


class ShardReceipt(Contract):
    """Says that a shard is finished, from what it was made, and what became of its pictures."""

    recipe: Sha256
    annotations: Sha256
    """Of the shard without pictures."""
    shard: ShardEntry
    """Without images there is no file."""
    tally: Tally
    outcomes: dict[Outcome, int]
    changed: int = Field(ge=0)
    """Records that are not those of the annotations, or not there."""
    unread: int = Field(ge=0)
    """Pictures that the disk could not read, and perhaps can next time."""
    remade: int = Field(ge=0)
    """See ``RejoinReport``."""

    @property
    def is_restored(self) -> bool:
        """Whether the shard is the very one that the annotations were made from."""
        return not self.changed and not self.remade


@dataclass(frozen=True, slots=True)
class ShardJob:
    """Everything a worker process needs to write one shard."""

    dataset: PackedDataset
    shard: ShardEntry
    """Of the annotations."""
    pictured: ShardEntry
    """The same as it was packed."""
    recipe: str
    """Digest of everything that decides the result."""
    source: Source
    refs: Mapping[str, ImageRef]
    target: Path
    receipt: Path
    listing: Path


def find_receipt(receipt: Path, shard: ShardEntry, target: Path, listing: Path, recipe: str) -> ShardReceipt | None:
    """The receipt of a shard that stands finished and would come out the same again.

    One that is as it was packed stays, whatever the source is now. Any other one is made again when anything in the
    source has changed, or when the disk could not read all of it.

    Args:
        receipt: where it lies.
        shard: of the annotations.
        target: the finished shard.
        listing: of its pictures that are not exact.
        recipe: see :class:`ShardJob`.
    """
    try:
        found = ShardReceipt.model_validate_json(receipt.read_bytes())
        size = target.stat().st_size if found.shard.images else found.shard.bytes
    except (FileNotFoundError, ValidationError):
        return None
    is_current = found.annotations == shard.sha256 and found.shard.bytes == size and listing.exists()
    return found if is_current and (found.is_restored or (found.recipe == recipe and not found.unread)) else None


def write_shard(job: ShardJob) -> ShardReceipt:
    """Write one shard, the listing of its pictures that are not exact, and last its receipt; each whole or not at all.

    Raises:
        DatasetError: a record of the annotations is damaged.
        SourceError: the source cannot be read, or not any more as it was indexed.
        ConservationError: all pictures are exact, none of them was transcoded, and yet the shard is not the one that
            was packed.
        OSError: the disk is full.
    """
    job.receipt.unlink(missing_ok=True)
    shard = _Writing(job)
    digest, size = hashlib.sha256(), 0
    with TableWriter(job.listing, NotExact) as listing, atomic_writer(job.target) as file:
        for blocks in shard.blocks(listing):
            file.write(blocks)
            digest.update(blocks)
            size += len(blocks)
        entry = job.pictured.model_copy(
            update={"images": shard.images, "bytes": size, "sha256": digest.hexdigest()},
        )
        remade = 0 if shard.changed else _count_remade(entry, job.pictured, shard.transcoded)
    if not shard.images:
        job.target.unlink()
    receipt = ShardReceipt(
        recipe=job.recipe,
        annotations=job.shard.sha256,
        shard=entry,
        tally=shard.tallying.result(),
        outcomes=dict(shard.outcomes),
        changed=shard.changed,
        unread=shard.unread,
        remade=remade,
    )
    write_atomic(job.receipt, receipt.model_dump_json().encode())
    return receipt


class _Writing:
    """The counts of a shard in the making."""

    def __init__(self, job: ShardJob) -> None:
        self._job = job
        self.tallying = Tallying()
        self.outcomes: Counter[Outcome] = Counter()
        self.images = self.changed = self.transcoded = self.unread = 0

    def blocks(self, listing: TableWriter) -> Iterator[bytes]:
        """The shard's bytes, sample by sample; one picture is in memory at a time."""
        for row in self._job.dataset.read(self._job.shard):
            picture = self._fetch(row.record)
            outcome = _outcome_of(picture)
            self.outcomes[outcome] += 1
            if outcome != "exact":
                listing.add(_describe(row.record, self._job.shard.path, outcome, picture))
            if isinstance(picture, Missed):
                self.changed += 1
            else:
                yield self._join(row, picture)
        yield END_OF_ARCHIVE

    def _join(self, row: Row, picture: Found) -> bytes:
        record = row.record
        if record.image_encoding != picture.encoding or not picture.exact:
            record = record.model_copy(update={"image_encoding": picture.encoding})
            self.changed += 1
        self.images += 1
        self.transcoded += picture.encoding == "transcoded"
        self.tallying.add(record)
        return serialise_sample(record, picture.jpeg, row.label)

    def _fetch(self, record: ThinkRecord) -> Found | Missed:
        ref = self._job.refs.get(record.image_id)
        if ref is None:
            return Missed(RejectReason.NOT_IN_SOURCE, "there is no file of this id")
        if ref.size > LIMITS.max_bytes and ref.size != record.bytes:
            return Missed(RejectReason.NOT_IN_SOURCE, f"its file has {ref.size} bytes; at most {LIMITS.max_bytes}")
        try:
            data = self._job.source.read(ref)
        except SourceError as error:
            # a disk that is away for a moment must not be taken for a collection without the picture
            if not (isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EIO):
                raise
            self.unread += 1
            return Missed(RejectReason.NOT_IN_SOURCE, "the disk cannot read its file")
        return compare(data, record)


def _outcome_of(picture: Found | Missed) -> Outcome:
    if isinstance(picture, Found):
        return "exact" if picture.exact else "same_picture"
    return next(outcome for outcome, reason in REASONS.items() if reason is picture.reason)


def _describe(record: ThinkRecord, shard: str, outcome: Outcome, picture: Found | Missed) -> NotExact:
    detail = picture.detail if isinstance(picture, Missed) else f"its perceptual hash is {picture.bits} bits away"
    return NotExact(
        image_id=record.image_id,
        wnid=record.wnid,
        split=record.split,
        shard=shard,
        outcome=outcome,
        bits=picture.bits,
        detail=detail,
    )


def _count_remade(entry: ShardEntry, packed: ShardEntry, transcoded: int) -> int:
    """Of a shard whose pictures are all exact: how many of them other libraries made than when it was packed."""
    if entry == packed:
        return 0
    if not transcoded:
        raise ConservationError(f"rejoin: {entry.path} has all its pictures, and is not the shard that was packed")
    return transcoded
