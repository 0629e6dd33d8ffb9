from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.packed import open_dataset
from pipeline.packing.card import Placement
from pipeline.progress import Silent
from pipeline.publishing.editions import Changes, Held, count_changes, describe_release, hold, stage_release
from pipeline.tars import END_OF_ARCHIVE, tar_member
from schemas.errors import DatasetError
from schemas.manifest import DatasetManifest, Edition, ShardEntry
from tests.pipeline.packing.world import GLM, World, make_completion, make_world

Rows = Mapping[int, tuple[int, int]]
"""Records and pictures by number."""

SHARDS = 3


@dataclass
class Made:
    """An edition made of plain rows, which remembers what was opened of it."""

    shards: dict[str, bytes]
    edition: Edition
    rows: int
    manifest: DatasetManifest
    opened: list[str]

    @property
    def held(self) -> Held:
        return Held(self.manifest, self.open)

    def open(self, shard: ShardEntry) -> io.BytesIO:
        self.opened.append(shard.path)
        return io.BytesIO(self.shards[shard.path])


def make(template: DatasetManifest, rows: Rows, edition: Edition = "pictures", shift: int = 0) -> Made:
    """Rows spread over shards by number; other shifts give other shards."""
    pictured = {f"data/train-{index}.tar": pack(rows, index, shift, "pictures") for index in range(SHARDS)}
    shards = {path: pack(rows, index, shift, edition) for index, path in enumerate(pictured)}
    manifest = template.model_copy(
        update={
            "edition": edition,
            "packed": len(rows),
            "shards": tuple(map(measure, shards, shards.values())),
            "pictured": tuple(map(measure, pictured, pictured.values())) if edition == "annotations" else (),
        }
    ).signed()
    return Made(shards, edition, len(rows), manifest, [])


def pack(rows: Rows, index: int, shift: int, edition: Edition) -> bytes:
    held = {number: row for number, row in sorted(rows.items()) if (number + shift) % SHARDS == index}
    samples = [
        tar_member(f"n00000001_{number}.cls", b"1")
        + (tar_member(f"n00000001_{number}.jpg", b"picture %d" % picture) if edition == "pictures" else b"")
        + tar_member(f"n00000001_{number}.json", b"record %d" % record)
        for number, (record, picture) in held.items()
    ]
    return b"".join([*samples, END_OF_ARCHIVE])


def measure(path: str, data: bytes) -> ShardEntry:
    digest = hashlib.sha256(data).hexdigest()
    return ShardEntry(path=path, split="train", images=data.count(b"record"), bytes=len(data), sha256=digest)


@pytest.fixture(scope="module")
def template(packed: World) -> DatasetManifest:
    return open_dataset(packed.out).manifest


some_rows = st.dictionaries(st.integers(0, 11), st.tuples(st.integers(0, 1), st.integers(0, 1)), max_size=12)


@given(
    old=some_rows,
    new=some_rows,
    editions=st.tuples(st.sampled_from(["pictures", "annotations"]), st.sampled_from(["pictures", "annotations"])),
    shift=st.integers(0, 1),
)
def test_changes_are_those_of_the_rows_however_they_are_sharded(
    template: DatasetManifest, old: Rows, new: Rows, editions: tuple[Edition, Edition], shift: int
) -> None:
    before, after = make(template, old, editions[0]), make(template, new, editions[1], shift)
    with_pictures = editions == ("pictures", "pictures")
    changed = [number for number in old.keys() & new.keys() if differ(old[number], new[number], with_pictures)]
    expected = Changes(added=len(new.keys() - old), removed=len(old.keys() - new), changed=len(changed))
    assert count_changes(before.held, after.held, Silent()) == expected


def differ(old: tuple[int, int], new: tuple[int, int], with_pictures: bool) -> bool:
    return old != new if with_pictures else old[0] != new[0]


@given(rows=some_rows, number=st.integers(0, 11), editions=st.sampled_from(["pp", "aa", "ap", "pa"]))
def test_shards_that_hold_the_same_are_not_opened(
    template: DatasetManifest, rows: Rows, number: int, editions: str
) -> None:
    names: dict[str, Edition] = {"p": "pictures", "a": "annotations"}
    rows = {0: (0, 0), 1: (0, 0), 2: (0, 0)} | {**rows}  # none of the shards is empty
    before = make(template, rows, names[editions[0]])
    after = make(template, {**rows, number: (7, 7)}, names[editions[1]])
    count_changes(before.held, after.held, Silent())
    assert before.opened == after.opened == [f"data/train-{number % SHARDS}.tar"]


def test_the_first_release_adds_everything_unread(template: DatasetManifest) -> None:
    made = make(template, {1: (0, 0), 2: (0, 0)})
    assert count_changes(None, made.held, Silent()) == Changes(added=2, removed=0, changed=0)
    assert made.opened == []


def test_a_stream_that_breaks_off_is_named_by_its_shard(template: DatasetManifest) -> None:
    old, new = make(template, {0: (0, 0)}), make(template, {0: (1, 0)})
    path = "data/train-0.tar"
    old.shards[path] = old.shards[path][:1536]
    with pytest.raises(DatasetError, match=rf"{path}: "):
        count_changes(old.held, new.held, Silent())


def test_of_a_dataset_packed_again_just_what_is_another_is_counted(tmp_path: Path) -> None:
    before, after = make_world(tmp_path / "before", train=9), make_world(tmp_path / "after", train=10)
    before.pack()
    first = after.images[0].ref.image_id
    after.results[0].completions[0] = make_completion(first, GLM, "another|text")
    after.pack()
    old, new = (hold(open_dataset(world.out)) for world in (before, after))
    assert count_changes(old, new, Silent()) == Changes(added=1, removed=0, changed=count_moved(before, after) + 1)
    assert count_changes(old, old, Silent()) == Changes(added=0, removed=0, changed=0)


def count_moved(before: World, after: World) -> int:
    """Images that are of another split: their records say so."""
    splits = {image.ref.image_id: image.split for image in before.images}
    return sum(splits.get(image.ref.image_id, image.split) != image.split for image in after.images)


# --- the list of releases ---


def test_the_newest_release_comes_first_and_bears_the_contents_id(packed: World, tmp_path: Path) -> None:
    staged = stage_release(
        open_dataset(packed.out), tmp_path / "staged", "annotations", Placement("lab/think"), Silent(), workers=1
    )
    manifest = staged.manifest
    first = describe_release(manifest.model_copy(update={"name": "older"}).signed(), Changes(15, 0, 0))
    both = describe_release(manifest, Changes(added=2, removed=1, changed=3), first)
    assert both[1:] == first
    assert both[0].model_dump() == {
        "id": manifest.sha256[:12],
        "manifest_sha256": manifest.sha256,
        "edition": "annotations",
        "images": 15,
        "added": 2,
        "removed": 1,
        "changed": 3,
    }


def test_publishing_the_same_again_is_no_new_release(template: DatasetManifest) -> None:
    releases = describe_release(template, Changes(15, 0, 0))
    assert describe_release(template, Changes(0, 0, 0), releases) == releases
