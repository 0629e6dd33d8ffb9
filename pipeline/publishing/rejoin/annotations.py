"""The annotations to which pictures are to be put back: fetched if need be, and looked at before any work."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from pipeline.files import atomic_writer, sha256_of, write_atomic
from pipeline.hub import HubFile, HubFiles, Place, Purpose
from pipeline.packed import PackedDataset, open_dataset
from pipeline.packing.shards import count_workers
from pipeline.packing.sidecars import MANIFEST_FILE, REJECTIONS_FILE
from pipeline.progress import BYTES, Progress, Task
from pipeline.workers import ordered_map
from schemas.config import HUB_SCHEME
from schemas.errors import ConfigError, DatasetError
from schemas.manifest import ShardEntry

CONNECTIONS = 4
"""Files that are fetched side by side; pieces of them are in memory."""

_WORTH_PROCESSES = 2**30
"""Bytes of shards below which starting processes takes longer than reading them."""

MAX_MANIFEST = 2**28
"""Bytes; a manifest of a million shards has fewer."""


@dataclass(frozen=True, slots=True)
class Annotations:
    """An annotations edition that is whole, as far as shards and rejections go."""

    dataset: PackedDataset
    keys: tuple[pa.StringArray, ...]
    """Of each shard, in order."""


def open_annotations(
    place: str, folder: Path, claim: Callable[[str], None], progress: Progress, workers: int
) -> Annotations:
    """Open an annotations edition and hold its shards against its manifest.

    Args:
        place: a folder, or ``hf://datasets/OWNER/NAME[@REVISION]``.
        folder: gets what is fetched from the hub; what lies there already is not fetched again.
        claim: told the manifest's digest before anything large is fetched or read.
        progress: where to tell how it goes.
        workers: processes; 0 is one per core.

    Raises:
        ConfigError: it has pictures.
        DatasetError: it is no packed dataset, or damaged.
        HubError: the hub refuses, or cannot be reached.
        OSError: ``folder`` cannot be written.
    """
    remote = _Remote.at(place) if place.startswith(HUB_SCHEME) else None
    if remote is not None:
        remote.fetch_manifest(folder)
    dataset = open_dataset(Path(place) if remote is None else folder)
    _check_edition(dataset, place)
    claim(dataset.manifest.sha256)
    if remote is not None:
        remote.fetch_missing(dataset, progress)
    rejections = dataset.root / REJECTIONS_FILE
    if not _stands(rejections, dataset.manifest.files.get(REJECTIONS_FILE, "")):
        raise DatasetError(f"{rejections}: is missing or damaged", _remedy(dataset))
    return Annotations(dataset, tuple(_read_keys(dataset, progress, workers)))


def single_shards(dataset: PackedDataset) -> PackedDataset:
    """A dataset of which shards can be read, but that does not list them: light enough to go along with every job."""
    manifest = dataset.manifest.model_copy(update={"shards": (), "pictured": (), "files": {}})
    return replace(dataset, manifest=manifest)


def _check_edition(dataset: PackedDataset, place: str) -> None:
    manifest = dataset.manifest
    if manifest.edition != "annotations":
        raise ConfigError(f"{place} has its pictures", "name a folder or a repository of annotations")
    bare, pictured = (
        [(shard.path, shard.split, shard.images) for shard in held] for held in (manifest.shards, manifest.pictured)
    )
    if bare != pictured:
        raise DatasetError(f"{dataset.root / MANIFEST_FILE}: says of other shards how they are with pictures")


def _read_keys(dataset: PackedDataset, progress: Progress, workers: int) -> Iterator[pa.StringArray]:
    shards = dataset.manifest.shards
    total = sum(shard.bytes for shard in shards)
    count = count_workers(workers, len(shards), dataset.manifest.packed) if total >= _WORTH_PROCESSES else 1
    with progress.task("check annotations", total, BYTES) as task:
        check = functools.partial(_check_shard, single_shards(dataset))
        for shard, keys in zip(shards, ordered_map(check, shards, count), strict=True):
            task.advance(shard.bytes)
            yield pa.array(keys, pa.string())


def _check_shard(dataset: PackedDataset, shard: ShardEntry) -> list[str]:
    """The keys of a shard that is as its manifest says.

    Raises:
        DatasetError: it is missing or damaged.
    """
    path = dataset.root / shard.path
    if not path.is_file():
        raise DatasetError(f"{path}: is missing", _remedy(dataset))
    if sha256_of(path) != shard.sha256:
        raise DatasetError(f"{path}: has another checksum than its manifest says", _remedy(dataset))
    return [key for key, _ in dataset.keys(shard)]


@dataclass(frozen=True, slots=True)
class _Remote:
    """A dataset on the hub, at one commit."""

    url: str
    files: HubFiles
    listed: Mapping[str, HubFile]

    @classmethod
    def at(cls, url: str) -> _Remote:
        files = HubFiles.at(Place.parse(url), Purpose("ANNOTATIONS", moved="check the revision in ANNOTATIONS"))
        return cls(url, files, {file.name: file for file in files.files()})

    def fetch_manifest(self, folder: Path) -> None:
        file = self.listed.get(MANIFEST_FILE)
        if file is None or file.size > MAX_MANIFEST:
            raise DatasetError(f"{self.url} is no packed dataset", "name a repository of annotations")
        write_atomic(folder / MANIFEST_FILE, self.files.read(MANIFEST_FILE, 0, file.size))

    def fetch_missing(self, dataset: PackedDataset, progress: Progress) -> None:
        """Fetch what is needed of it; files of the right checksum stay as they are."""
        wanted = {shard.path: shard.sha256 for shard in dataset.manifest.shards}
        wanted[REJECTIONS_FILE] = dataset.manifest.files.get(REJECTIONS_FILE, "")
        missing = [self._find(path) for path, sha256 in wanted.items() if not _stands(dataset.root / path, sha256)]
        if not missing:
            return
        total = sum(file.size for file in missing)
        with progress.task("fetch annotations", total, BYTES) as task, ThreadPoolExecutor(CONNECTIONS) as pool:
            running = [pool.submit(self._fetch, file, dataset.root / file.name, task) for file in missing]
            try:
                for each in running:
                    each.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _fetch(self, file: HubFile, target: Path, task: Task) -> None:
        with atomic_writer(target) as writer:
            for piece in self.files.stream(file.name, 0, file.size):
                writer.write(piece)
                task.advance(len(piece))

    def _find(self, path: str) -> HubFile:
        if path not in self.listed:
            raise DatasetError(f"{self.url}: {path} is missing, which its manifest names", "name another revision")
        return self.listed[path]


def _stands(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of(path) == sha256


def _remedy(dataset: PackedDataset) -> str:
    return f"fetch it again, or see imagenet-think verify {dataset.root}"
