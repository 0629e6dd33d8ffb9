"""What changed between two editions, row by row, in numbers; only shards that differ are read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from pipeline.packed import PackedDataset
from pipeline.progress import Progress, Task
from pipeline.tars import Readable, group_members, stream_members
from schemas.errors import DatasetError
from schemas.manifest import DatasetManifest, ShardEntry
from schemas.releases import RELEASE_ID_DIGITS, Release

_DIGEST_BYTES = 16
"""Of a row's digest: at 13 million rows two of them are the same by accident in one of 10^24 comparisons."""

Opener = Callable[[ShardEntry], AbstractContextManager[Readable]]
"""Opens a shard at its beginning. It is read once, forwards; a read that gives less than asked for is the end."""


@dataclass(frozen=True, slots=True)
class Held:
    """One side of a comparison, wherever it lies."""

    manifest: DatasetManifest
    open: Opener


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows by what became of them. A row is changed when its id stays and its record or its picture is another."""

    added: int
    removed: int
    changed: int


def hold(dataset: PackedDataset) -> Held:
    """A dataset on disk as one side of a comparison."""
    return Held(dataset.manifest, lambda shard: (dataset.root / shard.path).open("rb"))


def count_changes(old: Held | None, new: Held, progress: Progress) -> Changes:
    """Compare two editions row by row. Pictures are compared when both have them.

    Memory grows with the rows of the older shards that differ: some 150 bytes each.

    Args:
        old: what was published before; ``None`` for the first time.
        new: what is to be published.
        progress: told of rows.

    Raises:
        DatasetError: a shard that had to be read is damaged.
        OSError: it cannot be opened.
    """
    if old is None:
        return Changes(added=new.manifest.packed, removed=0, changed=0)
    pictures = old.manifest.edition == new.manifest.edition == "pictures"
    before, after = _contents(old.manifest, new.manifest), _contents(new.manifest, old.manifest)
    kept = set(before.values()) & set(after.values())
    gone = [shard for shard in old.manifest.shards if before[shard.path] not in kept]
    come = [shard for shard in new.manifest.shards if after[shard.path] not in kept]
    with progress.task("compare", sum(shard.images for shard in (*gone, *come)), "rows") as task:
        olds = dict(_digest_rows(old, gone, task, pictures=pictures))
        added = changed = 0
        for key, digest in _digest_rows(new, come, task, pictures=pictures):
            was = olds.pop(key, None)
            added += was is None
            changed += was not in (None, digest)
    return Changes(added=added, removed=len(olds), changed=changed)


def describe_release(
    manifest: DatasetManifest, changes: Changes, earlier: tuple[Release, ...] = ()
) -> tuple[Release, ...]:
    """All releases of a repository once this one is there.

    Args:
        manifest: of the edition that is to be published.
        changes: from the newest of ``earlier`` to it.
        earlier: the newest first; as they are when the newest is this very content.
    """
    release = Release(
        id=release_id(manifest),
        manifest_sha256=manifest.sha256,
        edition=manifest.edition,
        images=manifest.packed,
        added=changes.added,
        removed=changes.removed,
        changed=changes.changed,
    )
    if earlier and earlier[0].manifest_sha256 == manifest.sha256:
        return earlier
    return (release, *earlier)


def release_id(manifest: DatasetManifest) -> str:
    """The id of the release that holds just this: it says nothing of where or when it is published."""
    return manifest.sha256[:RELEASE_ID_DIGITS]


def _contents(manifest: DatasetManifest, other: DatasetManifest) -> dict[str, str]:
    """What tells whether two shards hold the same rows, by the shard's path.

    Where one edition has pictures and the other has not, a shard without them still names the one with them that it was
    made from.
    """
    pictured = manifest.edition == "annotations" and other.edition == "pictures"
    return {shard.path: shard.sha256 for shard in (manifest.pictured if pictured else manifest.shards)}


def _digest_rows(
    side: Held, shards: Iterable[ShardEntry], task: Task, *, pictures: bool
) -> Iterator[tuple[str, bytes]]:
    for shard in shards:
        try:
            with side.open(shard) as file:
                for sample in group_members(stream_members(file, shard.bytes)):
                    digest = hashlib.blake2b(sample.members.get("json", b""), digest_size=_DIGEST_BYTES)
                    if pictures:
                        digest.update(hashlib.sha256(sample.members.get("jpg", b"")).digest())
                    yield sample.key, digest.digest()
                    task.advance()
        except DatasetError as error:
            raise DatasetError(f"{shard.path}: {error.problem}", error.remedy) from error
