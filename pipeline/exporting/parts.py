"""One part: from a shard to a file of rows, in whatever process."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from pipeline.exporting.examples import LeftOut, make_examples
from pipeline.exporting.formats import FORMATS, Format
from pipeline.exporting.options import ExportOptions
from pipeline.exporting.receipts import Counts, PartEntry, PartReceipt
from pipeline.exporting.storage import PartWriter, find_pictures, open_lines, open_parquet
from pipeline.files import sha256_of, write_atomic
from pipeline.packed import PackedDataset, Row
from pipeline.screening import UnusableImageError, as_upright_jpeg
from schemas.errors import ConservationError, DatasetError
from schemas.manifest import ShardEntry


@dataclass(frozen=True, slots=True)
class PartJob:
    """Everything a worker process needs to write one part."""

    dataset: PackedDataset
    """Its manifest need not list other shards."""
    shard: ShardEntry
    start: int
    """Position of the shard's first image in its split."""
    take: int
    """Images of the shard to export, from its beginning."""
    options: ExportOptions
    recipe: str
    """Digest of all of the above."""
    root: Path
    """Of the export."""
    path: str
    """Of the part, below ``root``."""
    receipt: Path


def find_receipt(job: PartJob) -> PartReceipt | None:
    """The receipt of a part that stands finished, made from just this recipe."""
    try:
        receipt = PartReceipt.model_validate_json(job.receipt.read_bytes())
        size = (job.root / job.path).stat().st_size
    except (FileNotFoundError, ValidationError):
        return None
    return receipt if (receipt.recipe, receipt.part.bytes) == (job.recipe, size) and has_pictures(job) else None


def has_pictures(job: PartJob) -> bool:
    """Whether the pictures of a finished part are where its rows say, beside them or inside."""
    return FORMATS[job.options.format].storage == "parquet" or find_pictures(job.root, job.path).is_dir()


def write_part(job: PartJob) -> PartReceipt:
    """Write one part and its receipt; either appears whole or not at all.

    Raises:
        DatasetError: the shard is missing, damaged, or not the one that the manifest names.
        ConservationError: examples were lost or made twice.
        OSError: the disk is full.
    """
    job.receipt.unlink(missing_ok=True)
    _check_shard(job)
    chosen, target = FORMATS[job.options.format], job.root / job.path
    target.parent.mkdir(parents=True, exist_ok=True)
    with _open_part(chosen, job) as part:
        counts = _write_rows(job, chosen, part)
    entry = PartEntry(path=job.path, rows=counts.rows, bytes=target.stat().st_size, sha256=sha256_of(target))
    receipt = PartReceipt(recipe=job.recipe, part=entry, counts=counts)
    write_atomic(job.receipt, receipt.model_dump_json().encode())
    return receipt


def _check_shard(job: PartJob) -> None:
    """Compare the shard with the manifest: it is read once more than needed, which the disk's cache makes cheap."""
    path = job.dataset.root / job.shard.path
    if path.is_file() and sha256_of(path) != job.shard.sha256:
        raise DatasetError(f"{path}: is not what the manifest says", f"see imagenet-think verify {job.dataset.root}")


def _open_part(chosen: Format, job: PartJob) -> contextlib.AbstractContextManager[PartWriter]:
    target = job.root / job.path
    if chosen.features is not None:
        return open_parquet(target, chosen.features(job.options).arrow_schema)
    return open_lines(target, job.root)


def _write_rows(job: PartJob, chosen: Format, part: PartWriter) -> Counts:
    left_out: Counter[LeftOut] = Counter()
    images = rows = turned = 0
    for position, row in enumerate(_read(job), job.start):
        examples = list(make_examples(row.record, position, job.options, chosen.reserved))
        left_out.update(example for example in examples if isinstance(example, LeftOut))
        kept = [example for example in examples if not isinstance(example, LeftOut)]
        if kept:
            jpeg, was_turned = _upright(row, job.dataset.root)
            turned += was_turned
            picture = part.keep_picture(row.key, jpeg)
            for example in kept:
                part.add(chosen.row(example, picture))
        images += 1
        rows += len(kept)
    if images != job.take:
        raise ConservationError(f"{job.shard.path}: {job.take} images were to be exported, and {images} were")
    return Counts(images=images, turned=turned, examples=rows + left_out.total(), rows=rows, left_out=left_out)


def _read(job: PartJob) -> Iterator[Row]:
    # a whole shard is read to its end, where the reader counts its rows
    rows = job.dataset.read(job.shard)
    return rows if job.take == job.shard.images else islice(rows, job.take)


def _upright(row: Row, root: Path) -> tuple[bytes, bool]:
    """The picture, and whether it had to be written anew: readers differ in whether they turn it themselves."""
    assert row.jpeg is not None, "of the edition with pictures, which was asked for"
    try:
        upright = as_upright_jpeg(row.jpeg)
    except UnusableImageError as error:
        raise DatasetError(f"{row.key}: {error.problem}", f"see imagenet-think verify {root}") from error
    return (row.jpeg, False) if upright is None else (upright, True)
