"""Pictures out of the reader's own copy of the collection, put back to the annotations that were published alone."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipeline.packing.sealing import unseal
from pipeline.packing.shards import count_workers
from pipeline.packing.strays import clear_strays
from pipeline.progress import Progress
from pipeline.publishing.rejoin.annotations import Annotations, open_annotations, single_shards
from pipeline.publishing.rejoin.documents import name_shards, write_documents, write_listing
from pipeline.publishing.rejoin.places import Places, find_places
from pipeline.publishing.rejoin.report import Outcome, RejoinForecast, RejoinReport
from pipeline.publishing.rejoin.shards import ShardJob, ShardReceipt, find_receipt, write_shard
from pipeline.publishing.rejoin.workplace import Workplace
from pipeline.screening import SCREENING_VERSION, library_versions
from pipeline.workers import ordered_map
from schemas.base import canonical_json
from schemas.config import HUB_SCHEME, SourceConfig
from schemas.errors import DatasetError
from schemas.image import Split

REJOIN_VERSION = 1
"""Raised whenever the same inputs give other bytes than before: shards that are not as packed are then made again."""


@dataclass(frozen=True, slots=True)
class RejoinOptions:
    """What to put together, and where."""

    annotations: str
    """A folder, or ``hf://datasets/OWNER/NAME[@REVISION]``."""
    source: SourceConfig
    out: Path
    allow_missing: bool = False
    """Leave out images whose pictures are not there, instead of writing no dataset."""
    workers: int = 0
    """Processes; 0 is one per core."""


def rejoin(options: RejoinOptions, progress: Progress) -> RejoinReport:
    """Put the pictures back; of shards only what is missing is written.

    A pure function of annotations and source, but for shards that an earlier source gave back as they were packed,
    which stay: neither workers nor interruptions change a byte. When any picture is missing and that is not allowed,
    there are no documents in ``out``, and it is no dataset; the report says so.

    Raises:
        ConfigError: the annotations have pictures, or ``out`` holds something else.
        DatasetError: the annotations are damaged, or the source holds none of their pictures.
        SourceError: the source or the hub cannot be read.
        ConservationError: see :func:`~pipeline.publishing.rejoin.shards.write_shard`.
        OSError: the disk is full.
    """
    place = _place(options)
    with place.held():
        annotations = _open(options, place, progress)
        receipts = _write_shards(_Work(annotations, options, place), progress)
        report = _report(options, place, receipts)
        write_listing([place.part(shard) for shard in annotations.dataset.manifest.shards], place.listing)
        if report.left_out and not options.allow_missing:
            unseal(place.out)
            return report
        if not report.count("exact", "same_picture"):
            raise DatasetError(
                f"{options.source.path} holds none of the {report.count():,} pictures", f"see {place.listing}"
            )
        shards = name_shards(receipts, place.out)
        sealed = write_documents(annotations.dataset, receipts, shards, place)
        restored = sealed.sha256 == annotations.dataset.manifest.made_from
        for folder in (place.index, place.candidates):
            shutil.rmtree(folder, ignore_errors=True)
        place.rejections.unlink(missing_ok=True)
        if report.remade:
            versions = ", ".join(f"{name} {version}" for name, version in library_versions().items())
            progress.warn(
                f"{report.remade:,} transcoded pictures were made by other library versions ({versions}) than the "
                "packed ones: the same pictures, other bytes"
            )
        return report.model_copy(update={"finished": True, "restored": restored})


def forecast(options: RejoinOptions, progress: Progress) -> RejoinForecast:
    """Say how many pictures the source lists. Reads none of them, and writes only into the work folder.

    Raises:
        ConfigError: see :func:`rejoin`.
        DatasetError: the annotations are damaged.
        SourceError: the source or the hub cannot be read.
    """
    place = _place(options)
    with place.held():
        annotations = _open(options, place, progress)
        places = _find(annotations, options, place, progress)
        images: Counter[Split] = Counter()
        listed: Counter[Split] = Counter()
        for shard, keys in zip(annotations.dataset.manifest.shards, annotations.keys, strict=True):
            images[shard.split] += shard.images
            listed[shard.split] += sum(key in places.rows for key in keys.to_pylist())
        return RejoinForecast(
            annotations=options.annotations,
            source=options.source.path,
            form=places.summary.form,
            images=dict(images),
            listed=dict(listed),
            bytes=sum(places.table["size"].to_pylist()),
        )


@dataclass(frozen=True, slots=True)
class _Work:
    annotations: Annotations
    options: RejoinOptions
    place: Workplace


def _place(options: RejoinOptions) -> Workplace:
    place = Workplace.of(options.out)
    if not options.annotations.startswith(HUB_SCHEME):
        place.check_apart(Path(options.annotations))
    return place


def _open(options: RejoinOptions, place: Workplace, progress: Progress) -> Annotations:
    return open_annotations(options.annotations, place.annotations, place.claim, progress, options.workers)


def _find(annotations: Annotations, options: RejoinOptions, place: Workplace, progress: Progress) -> Places:
    source = options.source.model_copy(update={"dimensions": False, "workers": options.workers})
    wanted = pa.concat_arrays(list(annotations.keys))
    return find_places(source, wanted, place.index, place.candidates, progress)


def _write_shards(work: _Work, progress: Progress) -> tuple[ShardReceipt, ...]:
    """Write the shards that are missing, and remove what earlier runs left behind."""
    manifest, out = work.annotations.dataset.manifest, work.place.out
    receipts = _standing(work, "")
    if len(receipts) < len(manifest.shards):
        places = _find(work.annotations, work.options, work.place, progress)
        recipe = _recipe(places)
        receipts = _standing(work, recipe)
        missing = [number for number in range(len(manifest.shards)) if number not in receipts]
        _prepare(work, places, missing, progress)
        jobs = _plan_jobs(work, places, recipe, missing)
        images = [manifest.shards[number].images for number in missing]
        workers = count_workers(work.options.workers, len(missing), sum(images))
        if missing:
            unseal(out)
        with progress.task("rejoin", manifest.packed, "images") as task:
            task.advance(manifest.packed - sum(images))
            for number, receipt in zip(missing, ordered_map(write_shard, jobs, workers), strict=True):
                receipts[number] = receipt
                task.advance(manifest.shards[number].images)
    clear_strays(out, {out / receipt.shard.path for receipt in receipts.values()})
    return tuple(receipts[number] for number in range(len(manifest.shards)))


def _standing(work: _Work, recipe: str) -> dict[int, ShardReceipt]:
    """Receipts of finished shards, by number."""
    place = work.place
    found = {}
    for number, shard in enumerate(work.annotations.dataset.manifest.shards):
        receipt = find_receipt(place.receipt(shard), shard, place.out / shard.path, place.part(shard), recipe)
        if receipt is not None:
            found[number] = receipt
    return found


def _prepare(work: _Work, places: Places, missing: Sequence[int], progress: Progress) -> None:
    keys = (key for number in missing for key in work.annotations.keys[number].to_pylist())
    places.source.prepare(places.refs(keys), progress)


def _plan_jobs(work: _Work, places: Places, recipe: str, missing: Sequence[int]) -> Iterator[ShardJob]:
    manifest, dataset = work.annotations.dataset.manifest, single_shards(work.annotations.dataset)
    for number in missing:
        shard = manifest.shards[number]
        keys = work.annotations.keys[number].to_pylist()
        yield ShardJob(
            dataset=dataset,
            shard=shard,
            pictured=manifest.pictured[number],
            recipe=recipe,
            source=places.source,
            refs={ref.image_id: ref for ref in places.refs(keys)},
            target=work.place.out / shard.path,
            receipt=work.place.receipt(shard),
            listing=work.place.part(shard),
        )


def _recipe(places: Places) -> str:
    versions = [REJOIN_VERSION, SCREENING_VERSION, sorted(library_versions().items())]
    return hashlib.sha256(canonical_json([*versions, places.state])).hexdigest()


def _report(options: RejoinOptions, place: Workplace, receipts: Sequence[ShardReceipt]) -> RejoinReport:
    splits: dict[Split, Counter[Outcome]] = {}
    for receipt in receipts:
        splits.setdefault(receipt.shard.split, Counter()).update(receipt.outcomes)
    return RejoinReport(
        annotations=options.annotations,
        out=str(place.out),
        splits={split: dict(counts) for split, counts in splits.items()},
        listing=str(place.listing),
        finished=False,
        restored=False,
        remade=sum(receipt.remade for receipt in receipts),
    )
