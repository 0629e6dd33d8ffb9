"""Makes a release ready for whatever a repository holds: its contents once, its documents for each state of that."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pipeline.hub.pieces import open_pieces
from pipeline.packed import PackedDataset
from pipeline.packing.card import Placement
from pipeline.progress import Progress, Silent
from pipeline.publishing.editions import Changes, Held, count_changes, describe_release, hold, stage_release
from pipeline.publishing.publish.options import PublishOptions
from pipeline.publishing.publish.repository import Head, Repository
from schemas.manifest import ShardEntry
from schemas.releases import Release


class Stager:
    """Stages one dataset for one repository."""

    def __init__(
        self,
        dataset: PackedDataset,
        options: PublishOptions,
        repository: Repository,
        work_dir: Path,
        progress: Progress,
    ) -> None:
        self._dataset = dataset
        self._options = options
        self._repository = repository
        self._folder = work_dir / options.edition
        self._progress = progress
        self._staged: PackedDataset | None = None
        self._changes: dict[str | None, Changes] = {}
        """By the commit that they are counted from."""

    def stage(self, head: Head | None) -> PackedDataset:
        """The release, with what was published before written into its documents.

        Raises:
            DatasetError: a file of the dataset is missing or damaged.
            HubError: what was published before cannot be read.
            OSError: the disk is full.
        """
        if self._staged is None:
            self._staged = self._write((), self._progress)
        return self._write(self._describe(self._staged, head), Silent())

    def _write(self, releases: tuple[Release, ...], progress: Progress) -> PackedDataset:
        placement = Placement(self._options.repo_id, releases)
        return stage_release(self._dataset, self._folder, self._options.edition, placement, progress)

    def _describe(self, staged: PackedDataset, head: Head | None) -> tuple[Release, ...]:
        earlier = head.releases if head else ()
        if earlier and earlier[0].manifest_sha256 == staged.manifest.sha256:
            return earlier
        before = head.before if head else None
        if before not in self._changes:
            self._changes[before] = count_changes(self._hold(head), hold(staged), self._progress)
        return describe_release(staged.manifest, self._changes[before], earlier)

    def _hold(self, head: Head | None) -> Held | None:
        """The last whole release, read from the hub where it must be."""
        if head is None or head.before is None:
            return None
        files_at = self._repository.files_at(head.before)
        manifest = head.manifest if head.before == head.commit else self._repository.manifest_at(head.before)
        if manifest is None:
            return None

        @contextlib.contextmanager
        def open_shard(shard: ShardEntry) -> Iterator[BinaryIO]:
            with contextlib.closing(files_at.stream(shard.path, 0, shard.bytes)) as pieces:
                yield open_pieces(pieces)

        return Held(manifest, open_shard)
