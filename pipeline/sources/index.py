"""The index: where every image of a source lies, and why every other entry is none."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, ValidationError

from pipeline.files import write_atomic
from pipeline.progress import Progress
from pipeline.sources.base import Source
from pipeline.sources.entries import printable
from pipeline.sources.seen import SeenIds
from pipeline.tables import TableWriter
from schemas.base import Contract, canonical_json
from schemas.errors import ConservationError, RunDirectoryError, SourceError
from schemas.image import ImageRef
from schemas.rejection import Rejection, RejectReason, Stage

IMAGES = "index.parquet"
REJECTIONS = "rejections.parquet"
SUMMARY = "index.json"
"""Written last: an index without it was not finished, and is made again."""

_BATCH = 4096
"""Entries that are looked up among the seen ids at a time."""


class IndexSummary(Contract):
    """What the scan of a source came to: entries = images + rejected."""

    form: str
    entries: int = Field(ge=0)
    images: int = Field(ge=0)
    rejected: dict[RejectReason, int]
    bytes: int = Field(ge=0)
    """Of the images."""


def build_index(source: Source, out_dir: Path, progress: Progress) -> IndexSummary:
    """Scan a source into ``out_dir``: its images, its rejections, and last the summary.

    Of several entries with one id the first in the source's order is kept, the others are rejected. Memory grows by
    eight bytes per image (the ids seen), nothing else.

    Raises:
        SourceError: the source cannot be read, or holds no image.
        ConservationError: an entry was lost on the way.
        OSError: ``out_dir`` cannot be written.
    """
    (out_dir / SUMMARY).unlink(missing_ok=True)
    with (
        progress.task("index", None, "entries") as task,
        TableWriter(out_dir / IMAGES, ImageRef) as images,
        TableWriter(out_dir / REJECTIONS, Rejection) as rejections,
    ):
        seen = SeenIds()
        entries = size = 0
        rejected: Counter[RejectReason] = Counter()
        examples: list[str] = []
        for batch in _in_batches(source.scan()):
            for entry in _reject_duplicates(batch, seen):
                if isinstance(entry, Rejection):
                    rejections.add(entry)
                    rejected[entry.reason] += 1
                    examples = examples or [f"{entry.detail} ({entry.reason})"]
                else:
                    images.add(entry)
                    size += entry.size
            entries += len(batch)
            task.advance(len(batch))
            task.describe(f"{images.rows:,} images, {rejections.rows:,} rejected")
        if entries != images.rows + rejections.rows:
            raise ConservationError(
                f"index: {entries} entries became {images.rows} images and {rejections.rows} rejections"
            )
        if images.rows == 0:
            raise SourceError(
                f"the source holds no ImageNet image among {entries} entries"
                + "".join(f", e.g. {example}" for example in examples),
                "images are named nXXXXXXXX_N.JPEG; check source.path",
            )
        summary = IndexSummary(
            form=source.form, entries=entries, images=images.rows, rejected=dict(sorted(rejected.items())), bytes=size
        )
    write_atomic(out_dir / SUMMARY, canonical_json(summary.model_dump(mode="json")) + b"\n")
    return summary


def load_summary(out_dir: Path) -> IndexSummary | None:
    """The summary of a finished index, or ``None`` where there is none (yet).

    Raises:
        RunDirectoryError: the file is there and is no summary.
    """
    path = out_dir / SUMMARY
    if not all((out_dir / name).exists() for name in (SUMMARY, IMAGES, REJECTIONS)):
        return None
    try:
        return IndexSummary.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise RunDirectoryError(f"{path} is not the summary of an index", "delete it to index again") from error


def read_index(out_dir: Path) -> pa.Table:
    """The images of a finished index: the fields of ``ImageRef``, in the source's order.

    Raises:
        RunDirectoryError: there is no readable index.
    """
    try:
        return pq.read_table(out_dir / IMAGES)
    except (OSError, pa.ArrowException) as error:
        raise RunDirectoryError(
            f"{out_dir / IMAGES} cannot be read ({error})", f"delete {out_dir} to index again"
        ) from error


def _in_batches(entries: Iterable[ImageRef | Rejection]) -> Iterator[list[ImageRef | Rejection]]:
    iterator = iter(entries)
    while batch := list(itertools.islice(iterator, _BATCH)):
        yield batch


def _reject_duplicates(batch: list[ImageRef | Rejection], seen: SeenIds) -> Iterator[ImageRef | Rejection]:
    """The batch, with a rejection in the place of every image whose id was met before."""
    fresh = iter(seen.add([entry.image_id for entry in batch if isinstance(entry, ImageRef)]))
    for entry in batch:
        if isinstance(entry, Rejection) or next(fresh):
            yield entry
        else:
            yield Rejection(
                image_id=entry.image_id,
                wnid=entry.wnid,
                stage=Stage.INDEX,
                reason=RejectReason.DUPLICATE_ID,
                detail=printable(f"{entry.container} at byte {entry.offset}: an earlier file is kept"),
            )
