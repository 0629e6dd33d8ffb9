"""The packing stage: selection and ledger in, a dataset out that is the same bytes on every run."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from pipeline.packing.inputs import PackInputs
from pipeline.packing.layout import Layout, plan_layout
from pipeline.packing.partition import spool_completions, spool_entries
from pipeline.packing.sealing import seal, unseal
from pipeline.packing.shards import ShardJob, ShardReceipt, count_workers, find_receipt, write_shard
from pipeline.packing.sidecars import REJECTIONS_FILE
from pipeline.packing.spool import Spool
from pipeline.packing.statistics import add_up, compute_statistics
from pipeline.packing.strays import clear_strays
from pipeline.packing.triage import Triage, triage
from pipeline.progress import Progress
from pipeline.screening import SCREENING_VERSION, library_versions
from pipeline.tables import read_rows
from pipeline.teachers import PARSER_VERSION
from pipeline.workers import ordered_map
from schemas.base import canonical_json
from schemas.image import SelectedImage
from schemas.manifest import DatasetManifest, PromptEntry, TeacherEntry
from schemas.record import RECORD_VERSION
from schemas.rejection import Stage

PACKING_VERSION = 3
"""Raised whenever the same inputs give other bytes than before: shards of an older version are then written again."""

WORK_DIRECTORY = ".packing"
"""Beside the dataset: spool files while packing, and the receipts of finished shards."""


def pack(inputs: PackInputs, out: Path, progress: Progress) -> DatasetManifest:
    """Write the dataset to ``out``, or do what is missing of it.

    A pure function of its inputs: neither workers nor the order of the ledger's rows nor interruptions change a byte.
    Shards that stand finished from just these inputs are kept, and a dataset that is up to date is not touched.

    Raises:
        DatasetError: no image has a valid pair from every teacher.
        SourceError: an image is gone or has changed since it was screened.
        ConservationError: images or pairs were lost or made twice.
        OSError: the disk is full.
    """
    work = out.parent / WORK_DIRECTORY
    spool = work / "spool"
    shutil.rmtree(spool, ignore_errors=True)
    sorted_out = triage(inputs, work / REJECTIONS_FILE)
    layout = plan_layout(sorted_out.packed, inputs.config.seed, inputs.config.packing.images_per_shard)
    entries = spool_entries(inputs, layout, spool)
    completions, teachers = spool_completions(inputs, layout, spool, progress)
    jobs = _plan_jobs(inputs, layout, (entries, completions), work / "receipts", out)
    receipts = _write_shards(jobs, inputs, out, progress)
    manifest = _write_documents(inputs, sorted_out, teachers, receipts, out)
    shutil.rmtree(spool)
    return manifest


def _plan_jobs(
    inputs: PackInputs, layout: Layout, spools: tuple[Spool, Spool], receipts: Path, out: Path
) -> list[ShardJob]:
    entries, completions = spools
    constants = [PACKING_VERSION, RECORD_VERSION, SCREENING_VERSION, PARSER_VERSION, sorted(library_versions().items())]
    common = [*constants, inputs.prompt.id, inputs.prompt.sha256, [side.teacher.name for side in inputs.results]]
    jobs = []
    for number, plan in enumerate(layout.shards):
        recipe = [*common, plan.path, plan.images, entries.digest(number), completions.digest(number)]
        job = ShardJob(
            plan=plan,
            recipe=hashlib.sha256(canonical_json(recipe)).hexdigest(),
            target=out / plan.path,
            receipt=receipts / f"{plan.name}.json",
            entries=entries.path(number),
            completions=completions.path(number),
            source=inputs.source,
            prompt=inputs.prompt,
            parsers=tuple(side.parse for side in inputs.results),
        )
        jobs.append(job)
    return jobs


def _write_shards(jobs: list[ShardJob], inputs: PackInputs, out: Path, progress: Progress) -> tuple[ShardReceipt, ...]:
    """Write the shards that are missing, and remove what earlier layouts left behind."""
    receipts = {job.plan.path: receipt for job in jobs if (receipt := find_receipt(job)) is not None}
    missing = [job for job in jobs if job.plan.path not in receipts]
    if missing:
        unseal(out)
    clear_strays(out, {job.target for job in jobs})
    if missing:  # what was kept of a stream may have been damaged since
        inputs.source.prepare((image.ref for image in read_rows(inputs.selection, SelectedImage)), progress)
    workers = count_workers(inputs.config.packing.workers, len(missing), sum(job.plan.images for job in missing))
    with progress.task("pack", sum(job.plan.images for job in jobs), "images") as task:
        task.advance(sum(receipt.shard.images for receipt in receipts.values()))
        for receipt in ordered_map(write_shard, missing, workers):
            receipts[receipt.shard.path] = receipt
            task.advance(receipt.shard.images)
    return tuple(receipts[job.plan.path] for job in jobs)


def _write_documents(
    inputs: PackInputs,
    sorted_out: Triage,
    teachers: tuple[TeacherEntry, ...],
    receipts: tuple[ShardReceipt, ...],
    out: Path,
) -> DatasetManifest:
    """Write everything that is not a shard, the manifest last."""
    prompt = inputs.prompt
    manifest = DatasetManifest(
        name=inputs.config.name,
        record_version=RECORD_VERSION,
        edition="pictures",
        made_from=None,
        prompt=PromptEntry(
            id=prompt.id,
            sha256=prompt.sha256,
            language=prompt.language,
            text=prompt.text,
            label_shown=prompt.label_shown,
        ),
        config_sha256=inputs.config.identity_sha256(),
        selection_sha256=inputs.manifest.sha256,
        collection=inputs.config.source.collection,
        picture_licence=inputs.config.source.licence,
        seen=inputs.manifest.candidates + sum(sorted_out.rejected.get(Stage.INDEX, {}).values()),
        left_over=inputs.manifest.left_over,
        selected=inputs.manifest.drawn,
        packed=sorted_out.images,
        rejected=sorted_out.rejected,
        teachers=teachers,
        shards=tuple(receipt.shard for receipt in receipts),
        pictured=(),
        preview=None,  # filled in with the files
        files={},
    )
    tally = add_up(receipt.tally for receipt in receipts)
    statistics = compute_statistics(tally, [teacher.name for teacher in teachers])
    return seal(out, manifest, statistics, out.parent / WORK_DIRECTORY / REJECTIONS_FILE)
