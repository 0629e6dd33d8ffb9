"""Opens a packed dataset and streams its rows. Verification is another room; here damage is one clear error."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from pipeline.packing.layout import ShardPlan
from pipeline.packing.preview import PREVIEW_PATH
from pipeline.packing.sidecars import MANIFEST_FILE, STATISTICS_FILE, shards_by_split
from pipeline.tars import Sample, find_samples, read_samples
from schemas.errors import DatasetError
from schemas.image import SPLITS, Split
from schemas.manifest import DatasetManifest, ShardEntry
from schemas.record import RECORD_VERSION, ThinkRecord
from schemas.statistics import DatasetStatistics


@dataclass(frozen=True, slots=True)
class Row:
    """One sample."""

    record: ThinkRecord
    label: int
    """What the ``cls`` member holds."""
    jpeg: bytes | None
    """The photograph; ``None`` in an edition without pictures."""

    @property
    def key(self) -> str:
        """The sample's key: the image's id."""
        return self.record.image_id


@dataclass(frozen=True)
class PackedDataset:
    """A folder that packing, or something that writes the same, has sealed."""

    root: Path
    manifest: DatasetManifest

    @cached_property
    def statistics(self) -> DatasetStatistics:
        """Counts of its records.

        Raises:
            DatasetError: the file that holds them is missing or damaged.
        """
        path = self.root / STATISTICS_FILE
        try:
            return DatasetStatistics.model_validate_json(path.read_bytes())
        except (FileNotFoundError, ValidationError) as error:
            raise DatasetError(f"{path}: cannot be read", f"see imagenet-think verify {self.root}") from error

    @property
    def splits(self) -> tuple[Split, ...]:
        """Splits that hold any image."""
        return tuple(shards_by_split(self.manifest.shards))

    def shards(self, split: Split | None = None) -> tuple[ShardEntry, ...]:
        """Shards of a split, or all of them, in order."""
        return tuple(shard for shard in self.manifest.shards if split in (None, shard.split))

    def read(self, shard: ShardEntry) -> Iterator[Row]:
        """Rows of a shard in order, one in memory at a time.

        Raises:
            DatasetError: the shard is missing or damaged; the message names it, and the sample.
        """
        rows = 0
        with self._explained(shard) as path:
            for sample in read_samples(path):
                yield self._read_row(sample)
                rows += 1
        self._check_count(shard, rows)

    def keys(self, shard: ShardEntry) -> Iterator[tuple[str, int]]:
        """The keys of a shard in order, each with its place in the file; no record and no picture is read.

        Raises:
            DatasetError: the shard is missing or damaged.
        """
        samples = 0
        with self._explained(shard) as path:
            for found in find_samples(path):
                yield found
                samples += 1
        self._check_count(shard, samples)

    def read_at(self, shard: ShardEntry, place: int) -> Row:
        """The row at a place that :meth:`keys` gave.

        Raises:
            DatasetError: the shard is missing, or damaged there.
        """
        with self._explained(shard) as path:
            return self._read_row(next(read_samples(path, place)))

    def _check_count(self, shard: ShardEntry, found: int) -> None:
        if found != shard.images:
            problem = f"{self.root / shard.path}: holds {found:,} images, the manifest says {shard.images:,}"
            raise DatasetError(problem, self._remedy)

    def _read_row(self, sample: Sample) -> Row:
        return _read_row(sample.key, sample.members, has_picture=self.manifest.edition == "pictures")

    @contextlib.contextmanager
    def _explained(self, shard: ShardEntry) -> Iterator[Path]:
        """The shard's path; what goes wrong with it gets its name and the remedy."""
        path = self.root / shard.path
        try:
            yield path
        except (FileNotFoundError, IsADirectoryError) as error:
            raise DatasetError(f"{path}: is missing", self._remedy) from error
        except DatasetError as error:
            raise DatasetError(f"{path}: {error}", self._remedy) from error

    @property
    def _remedy(self) -> str:
        return f"see imagenet-think verify {self.root}"


def open_dataset(root: Path) -> PackedDataset:
    """Read a dataset's manifest.

    Raises:
        DatasetError: there is no dataset, its manifest is damaged, or it is of another version.
    """
    path = root / MANIFEST_FILE
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        where = root if not root.is_dir() else path
        raise DatasetError(
            f"{where}: there is no such {'folder' if where is root else 'file'}",
            "name the folder of a finished dataset, the one that holds manifest.json",
        ) from error
    try:
        manifest = DatasetManifest.model_validate_json(data)
    except ValidationError as error:
        raise DatasetError(f"{path}: is damaged, or of another version", f"see imagenet-think verify {root}") from error
    if manifest.record_version != RECORD_VERSION:
        raise DatasetError(f"{path}: has records of version {manifest.record_version}; this reads {RECORD_VERSION}")
    if manifest.sha256 != manifest.digest() or not names_only_packed_paths(manifest):
        raise DatasetError(f"{path}: is damaged", f"see imagenet-think verify {root}")
    return PackedDataset(root, manifest)


def names_only_packed_paths(manifest: DatasetManifest) -> bool:
    """Whether the manifest's paths can be opened: they are names that packing gives, inside the dataset."""
    splits = shards_by_split(manifest.shards)
    names = [
        ShardPlan(split, number, len(splits[split]), 0, 0).path
        for split in SPLITS
        for number in range(len(splits.get(split, ())))
    ]
    preview = manifest.preview is None or manifest.preview.path == PREVIEW_PATH
    return [shard.path for shard in manifest.shards] == names and preview


def _read_row(key: str, members: dict[str, bytes], *, has_picture: bool) -> Row:
    try:
        row = Row(
            record=ThinkRecord.model_validate_json(members["json"]),
            label=int(members["cls"]),
            jpeg=members["jpg"] if has_picture else None,
        )
    except (KeyError, ValueError) as error:
        what = f"has no member {error}" if isinstance(error, KeyError) else "has a damaged record"
        raise DatasetError(f"{key!a} {what}") from error
    if row.key != key:
        raise DatasetError(f"{key!a} has the record of {row.key}")
    return row
