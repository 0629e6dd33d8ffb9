"""The packing stage: selection and ledger in, a dataset out that is the same bytes on every run.

``manifest.json`` says that a dataset is complete: it is taken away before anything else changes, and written last.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.files import TEMPORARY_SUFFIX, sha256_of, sync_directory, write_atomic
from pipeline.packing.card import render_card
from pipeline.packing.inputs import PackInputs
from pipeline.packing.layout import DATA_DIRECTORY, Layout, plan_layout
from pipeline.packing.partition import spool_completions, spool_entries
from pipeline.packing.shards import ShardJob, count_workers, find_receipt, write_shard
from pipeline.packing.sidecars import (
    CARD_FILE,
    MANIFEST_FILE,
    REJECTIONS_FILE,
    SCHEMA_FILE,
    SUMS_FILE,
    render_manifest,
    render_sidecars,
    render_sums,
)
from pipeline.packing.spool import Spool
from pipeline.packing.triage import Triage, triage
from pipeline.progress import Progress
from pipeline.screening import SCREENING_VERSION, library_versions
from pipeline.tables import read_rows
from pipeline.teachers import PARSER_VERSION
from pipeline.workers import ordered_map
from schemas.base import canonical_json
from schemas.errors import ConservationError
from schemas.image import SelectedImage
from schemas.manifest import DatasetManifest, ShardEntry, TeacherEntry
from schemas.record import RECORD_VERSION
from schemas.rejection import Stage

PACKING_VERSION = 2
"""Raised whenever the same inputs give other bytes than before: shards of an older version are then written again."""

WORK_DIRECTORY = ".packing"
"""Beside the dataset: spool files while packing, and the receipts of finished shards."""

_OUR_SHARD = re.compile(r"[a-z]+-\d{5,}-of-\d{5,}\.tar")


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
    completions, teachers = spool_completions(inputs.results, layout, spool, progress)
    jobs = _plan_jobs(inputs, layout, (entries, completions), work / "receipts", out)
    shards = _write_shards(jobs, inputs, out, progress)
    manifest = _write_documents(inputs, sorted_out, teachers, shards, out)
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


def _write_shards(jobs: list[ShardJob], inputs: PackInputs, out: Path, progress: Progress) -> tuple[ShardEntry, ...]:
    """Write the shards that are missing, and remove what earlier layouts left behind."""
    receipts = {job.plan.path: receipt for job in jobs if (receipt := find_receipt(job)) is not None}
    missing = [job for job in jobs if job.plan.path not in receipts]
    strays = list(_find_strays(out, {job.target for job in jobs}))
    if missing or strays:
        _unseal(out)
    for stray in strays:
        stray.unlink()
    if missing:  # what was kept of a stream may have been damaged since
        inputs.source.prepare((image.ref for image in read_rows(inputs.selection, SelectedImage)), progress)
    workers = count_workers(inputs.config.packing.workers, len(missing), sum(job.plan.images for job in missing))
    with progress.task("pack", sum(job.plan.images for job in jobs), "images") as task:
        task.advance(sum(receipt.shard.images for receipt in receipts.values()))
        for receipt in ordered_map(write_shard, missing, workers):
            receipts[receipt.shard.path] = receipt
            task.advance(receipt.shard.images)
    return tuple(receipts[job.plan.path].shard for job in jobs)


def _write_documents(
    inputs: PackInputs,
    sorted_out: Triage,
    teachers: tuple[TeacherEntry, ...],
    shards: tuple[ShardEntry, ...],
    out: Path,
) -> DatasetManifest:
    """Write everything that is not a shard, the manifest last."""
    rejections = out.parent / WORK_DIRECTORY / REJECTIONS_FILE
    sidecars = render_sidecars(shards)
    files = {path: hashlib.sha256(data).hexdigest() for path, data in sidecars.items()}
    files[REJECTIONS_FILE] = sha256_of(rejections)
    manifest = DatasetManifest(
        name=inputs.config.name,
        record_version=RECORD_VERSION,
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
        shards=shards,
        files=dict(sorted(files.items())),
    ).signed()
    check_conservation(manifest)
    sealed = {CARD_FILE: render_card(manifest, inputs.prompt), MANIFEST_FILE: render_manifest(manifest)}
    sums = render_sums(manifest, {path: hashlib.sha256(data).hexdigest() for path, data in sealed.items()})
    # the manifest last: its presence says that all the rest is there
    documents = {**sidecars, CARD_FILE: sealed[CARD_FILE], SUMS_FILE: sums, MANIFEST_FILE: sealed[MANIFEST_FILE]}
    _install(documents, rejections, out)
    return manifest


def check_conservation(manifest: DatasetManifest) -> None:
    """Hold the manifest's counts against each other.

    Raises:
        ConservationError: selected images are neither packed nor rejected, or pairs are not one per image and teacher.
    """
    rejected = sum(manifest.rejected.get(Stage.PACK, {}).values())
    if manifest.selected != manifest.packed + rejected:
        raise ConservationError(
            f"packing: {manifest.selected:,} images were selected, {manifest.packed:,} packed and {rejected:,} rejected"
        )
    everywhere = sum(sum(reasons.values()) for reasons in manifest.rejected.values())
    if manifest.seen != manifest.packed + everywhere + manifest.left_over:
        raise ConservationError(
            f"packing: {manifest.seen:,} files were seen, {manifest.packed:,} packed, {everywhere:,} rejected "
            f"and {manifest.left_over:,} left over"
        )
    held = sum(shard.images for shard in manifest.shards)
    pairs = {teacher.name: teacher.pairs for teacher in manifest.teachers}
    if held != manifest.packed or any(count != manifest.packed for count in pairs.values()):
        raise ConservationError(f"packing: {manifest.packed:,} images, {held:,} in shards, pairs by teacher {pairs}")


def _install(documents: dict[str, bytes], rejections: Path, out: Path) -> None:
    changed = [path for path, data in documents.items() if not _holds(out / path, data)]
    new_rejections = not (out / REJECTIONS_FILE).is_file() or sha256_of(out / REJECTIONS_FILE) != sha256_of(rejections)
    if new_rejections:
        _unseal(out)
        rejections.replace(out / REJECTIONS_FILE)
    elif changed:
        _unseal(out)
    if new_rejections or changed:
        for path, data in documents.items():
            write_atomic(out / path, data)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except FileNotFoundError:
        return False


def _unseal(out: Path) -> None:
    """Take away what says that the dataset is complete, before anything of it changes."""
    if out.is_dir():
        for name in (MANIFEST_FILE, SUMS_FILE, CARD_FILE):
            (out / name).unlink(missing_ok=True)
        sync_directory(out)


def _find_strays(out: Path, expected: Iterable[Path]) -> Iterator[Path]:
    """Shards of other layouts, and files that a killed run left half written. Nothing that is not of our making."""
    wanted = set(expected)
    for path in sorted((out / DATA_DIRECTORY).glob("*")):
        if path not in wanted and (_OUR_SHARD.fullmatch(path.name) or path.name.endswith(TEMPORARY_SUFFIX)):
            yield path
    for folder in (out, (out / SCHEMA_FILE).parent):
        yield from sorted(folder.glob(f".*{TEMPORARY_SUFFIX}"))
