"""Ways to damage a dataset, and to sign it again so that only its contents can tell."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.packing.card import Placement, render_card
from pipeline.packing.sidecars import render_manifest, render_sidecars, render_sums
from pipeline.tars import END_OF_ARCHIVE, tar_member
from schemas.manifest import DatasetManifest, ShardEntry
from schemas.statistics import DatasetStatistics

TRAIN = "data/train-00000-of-00002.tar"
OTHER = "data/train-00001-of-00002.tar"
BENCHMARK = "data/benchmark-00000-of-00001.tar"

Members = list[tuple[str, bytes]]


@dataclass
class Dataset:
    """A packed dataset that a test may break."""

    root: Path
    keys: dict[str, list[str]] = field(init=False)
    """By shard, in order."""

    def __post_init__(self) -> None:
        self.keys = {shard.path: self._keys(shard.path) for shard in self.manifest.shards}

    @property
    def manifest(self) -> DatasetManifest:
        return DatasetManifest.model_validate_json((self.root / "manifest.json").read_bytes())

    @property
    def statistics(self) -> DatasetStatistics:
        return DatasetStatistics.model_validate_json(self.read("statistics.json"))

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def members(self, path: str) -> Members:
        with tarfile.open(self.root / path) as archive:
            return [(member.name, _extract(archive, member)) for member in archive.getmembers()]

    def rewrite(self, path: str, members: Members) -> None:
        """Write a shard of these members, well formed as a tar."""
        self.replace(path, b"".join(tar_member(name, data) for name, data in members) + END_OF_ARCHIVE)

    def replace(self, path: str, data: bytes) -> None:
        (self.root / path).write_bytes(data)

    def edit_member(self, suffix: str, change: Callable[[bytes], bytes], index: int = -1) -> str:
        """Change one member of the sample at ``index`` of the first shard, and give the sample's key."""
        key = self.keys[TRAIN][index]
        name = f"{key}.{suffix}"
        members = [(found, change(data) if found == name else data) for found, data in self.members(TRAIN)]
        self.rewrite(TRAIN, members)
        return key

    def edit_record(self, change: Callable[[dict[str, Any]], object], index: int = -1) -> str:
        """Change one record as plain data, and give the sample's key."""

        def edit(data: bytes) -> bytes:
            record = json.loads(data)
            change(record)
            return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()

        return self.edit_member("json", edit, index)

    def sign(self, **images: int) -> None:
        """Make sizes, checksums and all documents fit what lies in the shards; ``images`` by the shard's split."""
        shards = tuple(self._measure(shard, images) for shard in self.manifest.shards)
        self.write(self.manifest.model_copy(update={"shards": shards}))

    def write(self, manifest: DatasetManifest, **digests: str) -> None:
        """Write a manifest and everything that follows from it."""
        sidecars = render_sidecars(manifest, self.statistics)
        about_shards = {path: sidecars[path] for path in ("_info.json", "croissant.json")}
        measured = {path: hashlib.sha256(data).hexdigest() for path, data in about_shards.items()}
        files = {**manifest.files, **measured, **digests}
        manifest = manifest.model_copy(update={"files": dict(sorted(files.items()))}).signed()
        documents = {
            "README.md": render_card(manifest, self.statistics, Placement()),
            "manifest.json": render_manifest(manifest),
        }
        for path, data in {**documents, **about_shards}.items():
            self.replace(path, data)
        self.write_sums(manifest)

    def write_sums(self, manifest: DatasetManifest | None = None) -> None:
        """Write ``SHA256SUMS`` for the card and the manifest as they are."""
        others = {path: hashlib.sha256(self.read(path)).hexdigest() for path in ("README.md", "manifest.json")}
        self.replace("SHA256SUMS", render_sums(manifest or self.manifest, others))

    def _measure(self, shard: ShardEntry, images: dict[str, int]) -> ShardEntry:
        data = self.read(shard.path)
        counted = images.get(shard.split, shard.images) if shard.path != OTHER else shard.images
        return shard.model_copy(
            update={
                "bytes": max(len(data), 1),
                "sha256": hashlib.sha256(data).hexdigest(),
                "images": counted,
            }
        )

    def _keys(self, path: str) -> list[str]:
        return list(dict.fromkeys(name.partition(".")[0] for name, _ in self.members(path)))


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()
