"""A folder that holds one edition of a packed dataset, ready to go where others can fetch it."""

from __future__ import annotations

from pathlib import Path

from pipeline.files import sha256_of
from pipeline.packed import PackedDataset
from pipeline.packing.card import Placement
from pipeline.packing.sealing import seal, unseal
from pipeline.packing.shards import count_workers
from pipeline.packing.sidecars import REJECTIONS_FILE, STATISTICS_FILE
from pipeline.packing.strays import clear_strays
from pipeline.progress import Progress
from pipeline.publishing.editions.shards import StagingJob, find_staged, stage_shard
from pipeline.workers import ordered_map
from schemas.errors import ConfigError, DatasetError
from schemas.manifest import DatasetManifest, Edition, ShardEntry


def stage_release(
    dataset: PackedDataset, folder: Path, edition: Edition, placement: Placement, progress: Progress, workers: int = 0
) -> PackedDataset:
    """Make ``folder`` hold an edition of a dataset: shards, documents, nothing else. The dataset is never changed.

    A pure function of the dataset, the edition and the placement, in bytes; the placement decides the card and
    ``releases.json`` alone, and so neither the manifest nor its digest. What stands finished is kept. Shards with
    pictures are hard links to the dataset's, and copies where links are impossible: what is later changed inside a
    shard's file is changed in both. Receipts lie beside the folder (:func:`staging_directory`).

    Args:
        dataset: as packing wrote it, or an edition of that.
        folder: made where it is missing; not inside the dataset.
        edition: with pictures, which must be in the dataset, or without.
        placement: where it is to be published.
        progress: told of images.
        workers: processes that write shards; 0 takes one per core.

    Raises:
        ConfigError: the folder is inside the dataset, or the dataset inside it.
        DatasetError: the dataset has no pictures, or a file of it is missing or damaged.
        OSError: the disk is full.
    """
    _check_apart(dataset.root, folder)
    made_from = dataset.manifest
    if edition == "pictures" and made_from.edition == "annotations":
        raise DatasetError(
            f"{dataset.root}: has no pictures to stage", "put them back with imagenet-think rejoin, or stage without"
        )
    _check_documents(dataset)
    shards = _stage_shards(dataset, folder, edition, progress, workers)
    manifest = _describe(made_from, edition, shards)
    rejections = dataset.root / REJECTIONS_FILE
    return PackedDataset(folder, seal(folder, manifest, dataset.statistics, rejections, placement))


def staging_directory(folder: Path) -> Path:
    """Where the receipts of a staged folder's shards lie."""
    return folder.parent / f".{folder.name}.staging"


def _stage_shards(
    dataset: PackedDataset, folder: Path, edition: Edition, progress: Progress, workers: int
) -> tuple[ShardEntry, ...]:
    jobs = [_plan(dataset, folder, edition, shard) for shard in dataset.manifest.shards]
    staged = {job.original.path: found for job in jobs if (found := find_staged(job)) is not None}
    missing = [job for job in jobs if job.original.path not in staged]
    if missing:
        unseal(folder)
    clear_strays(folder, {job.target for job in jobs})
    reading = [] if edition == dataset.manifest.edition else missing
    processes = count_workers(workers, len(reading), sum(job.original.images for job in reading))
    with progress.task("stage", dataset.manifest.packed, "images") as task:
        task.advance(sum(found.shard.images for found in staged.values()))
        for made in ordered_map(stage_shard, missing, processes):
            staged[made.original.path] = made
            task.advance(made.shard.images)
    return tuple(staged[shard.path].shard for shard in dataset.manifest.shards)


def _plan(dataset: PackedDataset, folder: Path, edition: Edition, shard: ShardEntry) -> StagingJob:
    return StagingJob(
        edition=edition,
        as_it_is=edition == dataset.manifest.edition,
        source=dataset.root / shard.path,
        original=shard,
        target=folder / shard.path,
        receipt=staging_directory(folder) / f"{Path(shard.path).stem}.json",
    )


def _describe(made_from: DatasetManifest, edition: Edition, shards: tuple[ShardEntry, ...]) -> DatasetManifest:
    if edition == made_from.edition:
        return made_from.model_copy(update={"shards": shards})
    return made_from.model_copy(
        update={
            "edition": edition,
            "made_from": made_from.sha256,
            "shards": shards,
            "pictured": made_from.shards,
        }
    )


def _check_documents(dataset: PackedDataset) -> None:
    """What is taken over beside the shards is what the manifest says."""
    for name in (STATISTICS_FILE, REJECTIONS_FILE):
        path = dataset.root / name
        fault = "has another checksum than the manifest says" if path.is_file() else "is missing"
        if not path.is_file() or sha256_of(path) != dataset.manifest.files.get(name):
            raise DatasetError(f"{path}: {fault}", f"see imagenet-think verify {dataset.root}")


def _check_apart(root: Path, folder: Path) -> None:
    inner, outer = folder.resolve(), root.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise ConfigError(f"{folder}: is not apart from the dataset {root}", "name a folder beside it")
