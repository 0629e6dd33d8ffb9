"""Reads a published release as a stranger would: nothing of what lies here is taken for what lies there."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from pipeline.hub.pieces import open_pieces
from pipeline.packed import PackedDataset
from pipeline.progress import BYTES, Progress, Task
from pipeline.publishing.publish.contents import GIT_FILES, LocalFile, list_release
from pipeline.publishing.publish.repository import Repository
from pipeline.tars import group_members, stream_members
from schemas.base import canonical_json
from schemas.errors import DatasetError, HubError
from schemas.manifest import ShardEntry

if TYPE_CHECKING:
    from pipeline.hub import HubFiles

_AGAIN = "run the same command again; if it stays so, the hub's support must look at it"


def read_back(repository: Repository, commit: str, staged: PackedDataset, progress: Progress) -> None:
    """Hold what the hub gives at a commit against the staged release: names, bytes, samples, and what a loader makes.

    Nothing is kept on disk.

    Raises:
        HubError: something differs, or the hub cannot be reached.
        OSError: a local file cannot be read.
    """
    release = list_release(staged)
    files_at = repository.files_at(commit)
    _compare_names(repository, files_at, release)
    manifest = staged.manifest
    shards = {shard.path: shard for shard in (*manifest.shards, *([manifest.preview] if manifest.preview else []))}
    with progress.task("read back", sum(file.size for file in release), BYTES) as task:
        for file in release:
            fault = _read_file(files_at, file, shards.get(file.name), task)
            if fault:
                raise HubError(f"{repository.place}: {file.name} at {commit[:12]} {fault}", _AGAIN)
    with progress.task("load", len(staged.splits), "splits") as task:
        fault = repository.load(lambda: _load(repository.repo_id, commit, staged, task))
    if fault:
        raise HubError(f"{repository.place}: load_dataset at {commit[:12]} {fault}", _AGAIN)


def _compare_names(repository: Repository, files_at: HubFiles, release: list[LocalFile]) -> None:
    there = {file.name: file for file in files_at.files()}
    wrong = [file.name for file in release if not file.is_same(there.get(file.name))]
    wrong += sorted(there.keys() - {file.name for file in release} - GIT_FILES)
    if wrong:
        raise HubError(
            f"{repository.place}: at {files_at.commit[:12]} the hub lists {wrong[0]} otherwise than it was published",
            _AGAIN,
        )


def _read_file(files_at: HubFiles, file: LocalFile, shard: ShardEntry | None, task: Task) -> str:
    """What is wrong with a file on the hub, if anything."""
    digest = hashlib.sha256()
    samples, fault = 0, ""
    with closing(files_at.stream(file.name, 0, file.size)) as pieces:
        passing = _note(pieces, digest, task)
        try:
            if shard is not None:
                samples = sum(1 for _ in group_members(stream_members(open_pieces(passing), file.size)))
        except DatasetError as error:
            fault = f"is damaged: {error}"
        for _ in passing:  # what a damaged shard leaves, and all of other files
            pass
    if digest.hexdigest() != file.sha256:
        return "holds other bytes than were published"
    if not fault and shard is not None and samples != shard.images:
        return f"holds {samples:,} samples, the manifest says {shard.images:,}"
    return fault


def _note(pieces: Iterator[bytes], digest: Any, task: Task) -> Iterator[bytes]:
    for piece in pieces:
        digest.update(piece)
        task.advance(len(piece))
        yield piece


def _load(repo_id: str, commit: str, staged: PackedDataset, task: Task) -> str:
    """What is wrong with what ``load_dataset`` gives, if anything: the types, and the first row of each split."""
    import datasets  # noqa: PLC0415 - takes its time

    from schemas.derived import record_features  # noqa: PLC0415 - imports datasets

    bars_were_off = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        with tempfile.TemporaryDirectory() as cache:
            splits = datasets.load_dataset(repo_id, revision=commit, streaming=True, cache_dir=cache)
            if set(splits) != set(staged.splits):
                return f"gives the splits {', '.join(splits)}"
            for split in staged.splits:
                rows = splits[split]
                if rows.features != record_features(staged.manifest.edition):
                    return f"gives other types in {split} than those of the record"
                if not _is_first(next(iter(_undecoded(rows)), None), staged, split):
                    return f"gives another first row in {split} than was published"
                task.advance()
    finally:
        if not bars_were_off:
            datasets.enable_progress_bars()
    return ""


def _undecoded(rows: Any) -> Any:
    from datasets import Image  # noqa: PLC0415 - takes its time

    return rows.cast_column("jpg", Image(decode=False)) if "jpg" in rows.features else rows


def _is_first(row: dict[str, Any] | None, staged: PackedDataset, split: Any) -> bool:
    with closing(staged.read(staged.shards(split)[0])) as rows:  # type: ignore[type-var]  # a generator
        first = next(rows)
    return (
        row is not None
        and row["cls"] == first.label
        and canonical_json(row["json"]) == canonical_json(first.record.model_dump(mode="json"))
        and (first.jpeg is None or row["jpg"]["bytes"] == first.jpeg)
    )
