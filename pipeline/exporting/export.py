"""A packed dataset in a trainer's own form: parts in worker processes, documents, and the report last."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import accumulate, chain
from pathlib import Path

from pydantic import ValidationError

from pipeline.exporting.claim import WORK_DIRECTORY, claimed
from pipeline.exporting.documents import render_documents
from pipeline.exporting.formats import Format, find_format
from pipeline.exporting.formats.base import DATA_DIRECTORY
from pipeline.exporting.options import ExportOptions, check_options
from pipeline.exporting.parts import PartJob, find_receipt, has_pictures, write_part
from pipeline.exporting.receipts import (
    EXPORT_FILE,
    EXPORT_VERSION,
    ExportReport,
    Identity,
    PartEntry,
    PartReceipt,
    add_up,
)
from pipeline.exporting.storage import PICTURES_DIRECTORY
from pipeline.files import TEMPORARY_SUFFIX, atomic_writer, sha256_of, write_atomic
from pipeline.packed import PackedDataset, open_dataset
from pipeline.progress import Progress
from pipeline.workers import ordered_map, resolve_workers
from schemas.base import canonical_json
from schemas.errors import ConfigError, ConservationError, DatasetError
from schemas.image import Split

JOINED_PARTS = f"{WORK_DIRECTORY}/{DATA_DIRECTORY}"
"""Where the parts of an array lie until they are joined."""

IMAGES_PER_WORKER = 500
"""A process takes about a second to start; with fewer images it does not earn that back."""

_SUFFIXES = {"parquet": "parquet", "jsonl": "jsonl", "json": "jsonl"}


def export(
    root: Path, out: Path, options: ExportOptions, progress: Progress, workers: int | None = None
) -> ExportReport:
    """Write a dataset's rows to ``out`` as a trainer reads them, or do what is missing of it.

    A pure function of dataset and options: neither workers nor interruptions change a byte, and an export that is
    whole is not touched.

    Args:
        root: a packed dataset with pictures.
        out: a folder that is new, empty, or holds this very export, perhaps unfinished.
        options: what to write.
        progress: told of images.
        workers: processes, 0 for one per core; as many as are worth starting when ``None``.

    Raises:
        ConfigError: the options do not fit together or to the dataset, or ``out`` holds something else.
        DatasetError: the dataset is missing, damaged, or has no pictures.
        ConservationError: examples were lost or made twice.
        OSError: the disk is full.
    """
    dataset = open_dataset(root)
    options = check_options(options, [teacher.name for teacher in dataset.manifest.teachers])
    chosen = find_format(options)
    identity = Identity(
        version=EXPORT_VERSION,
        dataset=dataset.manifest.name,
        dataset_sha256=dataset.manifest.sha256,
        options=options,
    )
    _check_dataset(dataset, options, progress)
    if out.resolve().is_relative_to(root.resolve()):
        raise ConfigError(f"{out}: lies in the dataset, which would be whole no more", "name another folder as --out")
    jobs = _plan(dataset, out, identity, chosen)
    with claimed(out, identity):
        report = read_report(out)
        if report is None or not _stands(out, report, jobs):
            (out / EXPORT_FILE).unlink(missing_ok=True)
            _sweep(out)
            report = _finish(out, identity, chosen, _write_parts(jobs, workers, progress))
            for name, data in render_documents(chosen, dataset.manifest, report).items():
                write_atomic(out / name, data)
            write_atomic(out / EXPORT_FILE, report.model_dump_json(indent=2).encode() + b"\n")
        shutil.rmtree(out / JOINED_PARTS, ignore_errors=True)
    return report


def read_report(out: Path) -> ExportReport | None:
    """The report of an export; ``None`` while it is unfinished, or where there is none."""
    try:
        return ExportReport.model_validate_json((out / EXPORT_FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _check_dataset(dataset: PackedDataset, options: ExportOptions, progress: Progress) -> None:
    if dataset.manifest.edition != "pictures":
        raise DatasetError(
            f"{dataset.root}: has no pictures",
            f"put them back from your own copy of ImageNet: imagenet-think rejoin {dataset.root} --source ...",
        )
    if options.split not in dataset.splits:
        raise DatasetError(f"{dataset.root}: has no images in {options.split}", f"it has {', '.join(dataset.splits)}")
    if options.split == "benchmark":
        progress.warn("the benchmark split is held out: what is trained on it cannot be measured by it")
    if embedded := [teacher.name for teacher in dataset.manifest.teachers if teacher.is_measured]:
        progress.warn(f"the texts of {' and '.join(embedded)} are measurements by the embedded engine, not a model's")


def _stands(out: Path, report: ExportReport, jobs: list[PartJob]) -> bool:
    with suppress(FileNotFoundError):
        whole = all((out / part.path).stat().st_size == part.bytes for part in report.parts)
        return whole and all(map(has_pictures, jobs))
    return False


def _sweep(out: Path) -> None:
    """Remove what a killed run left half written."""
    work = out / WORK_DIRECTORY
    for folder in (out, out / DATA_DIRECTORY, out / PICTURES_DIRECTORY, work, *work.glob("*/")):
        for path in folder.glob(f".*{TEMPORARY_SUFFIX}"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _plan(dataset: PackedDataset, out: Path, identity: Identity, chosen: Format) -> list[PartJob]:
    """One part per shard, the first ones only where there is a limit."""
    split = identity.options.split
    shards = dataset.shards(split)
    ends = list(accumulate(shard.images for shard in shards))
    limit = min(identity.options.limit or ends[-1], ends[-1])
    starts = [end - shard.images for shard, end in zip(shards, ends, strict=True)]
    wanted = [(shard, start) for shard, start in zip(shards, starts, strict=True) if start < limit]
    folder = JOINED_PARTS if chosen.storage == "json" else DATA_DIRECTORY
    jobs = []
    for number, (shard, start) in enumerate(wanted):
        name, take = f"{split}-{number:05d}-of-{len(wanted):05d}", min(shard.images, limit - start)
        recipe = [identity.model_dump(mode="json"), shard.model_dump(mode="json"), start, take, name]
        # a manifest of all shards in the job of every shard would be carried to the workers each time
        lone = dataset.manifest.model_copy(update={"shards": (shard,)})
        job = PartJob(
            dataset=PackedDataset(dataset.root, lone),
            shard=shard,
            start=start,
            take=take,
            options=identity.options,
            recipe=hashlib.sha256(canonical_json(recipe)).hexdigest(),
            root=out,
            path=f"{folder}/{name}.{_SUFFIXES[chosen.storage]}",
            receipt=out / WORK_DIRECTORY / "receipts" / f"{name}.json",
        )
        jobs.append(job)
    return jobs


def _write_parts(jobs: list[PartJob], workers: int | None, progress: Progress) -> list[PartReceipt]:
    receipts = {job.path: receipt for job in jobs if (receipt := find_receipt(job)) is not None}
    missing = [job for job in jobs if job.path not in receipts]
    if workers is None:
        workers = max(1, min(resolve_workers(0), len(missing), sum(job.take for job in missing) // IMAGES_PER_WORKER))
    with progress.task("export", sum(job.take for job in jobs), "images") as task:
        task.advance(sum(receipt.counts.images for receipt in receipts.values()))
        for receipt in ordered_map(write_part, missing, workers):
            receipts[receipt.part.path] = receipt
            task.advance(receipt.counts.images)
    return [receipts[job.path] for job in jobs]


def _finish(out: Path, identity: Identity, chosen: Format, receipts: list[PartReceipt]) -> ExportReport:
    """What the parts come to, joined where the reader wants one file."""
    parts = tuple(receipt.part for receipt in receipts)
    report = ExportReport(
        identity=identity,
        reader=chosen.reader,
        counts=add_up([receipt.counts for receipt in receipts]),
        parts=_join(out, identity.options.split, parts) if chosen.storage == "json" else parts,
    )
    _check_counts(report)
    return report


def _join(out: Path, split: Split, parts: Iterable[PartEntry]) -> tuple[PartEntry]:
    """Make one JSON array of all lines, a line at a time."""
    target, rows = out / f"{split}.json", 0
    with atomic_writer(target) as file:
        for line in chain.from_iterable(_lines(out / part.path) for part in parts):
            file.write(b",\n" if rows else b"[\n")
            file.write(line.rstrip(b"\n"))
            rows += 1
        file.write(b"\n]\n" if rows else b"[]\n")
    return (PartEntry(path=target.name, rows=rows, bytes=target.stat().st_size, sha256=sha256_of(target)),)


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _check_counts(report: ExportReport) -> None:
    counts = report.counts
    written = sum(part.rows for part in report.parts)
    if not counts.examples == counts.rows + sum(counts.left_out.values()) == written + sum(counts.left_out.values()):
        raise ConservationError(
            f"export: {counts.examples} examples are not {written} rows and {sum(counts.left_out.values())} left out"
        )
    if not counts.rows:
        reasons = " and ".join(counts.left_out)
        raise DatasetError(f"there are no rows to write: {reasons}", "choose otherwise, and name another --out")
