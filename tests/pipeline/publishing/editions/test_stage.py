from __future__ import annotations

import contextlib
import errno
import itertools
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.packed import PackedDataset, open_dataset
from pipeline.packing.card import Placement
from pipeline.progress import Silent
from pipeline.publishing.editions import count_changes, describe_release, hold, stage_release
from pipeline.publishing.verify import verify_dataset
from schemas.errors import ConfigError, DatasetError
from schemas.manifest import Edition
from tests.pipeline.packing.world import World, digests, make_completion, make_world
from tests.pipeline.publishing.damage import TRAIN

EDITIONS: tuple[Edition, ...] = ("pictures", "annotations")
NOWHERE = Placement()
ON_THE_HUB = Placement("lab/think")


def stage(
    root: Path, folder: Path, edition: Edition = "annotations", placement: Placement = NOWHERE, workers: int = 1
) -> PackedDataset:
    return stage_release(open_dataset(root), folder, edition, placement, Silent(), workers)


def released(staged: PackedDataset) -> Placement:
    changes = count_changes(None, hold(staged), Silent())
    return Placement("lab/think", describe_release(staged.manifest, changes))


def members(shard: Path) -> dict[str, bytes]:
    with tarfile.open(shard) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]  # all are files


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    found = {path.relative_to(folder).as_posix(): path.stat() for path in folder.rglob("*") if path.is_file()}
    return {path: (status.st_ino, status.st_mtime_ns) for path, status in found.items()}


# --- what an edition is ---


def test_annotations_are_the_same_members_without_the_pictures(packed: World, tmp_path: Path) -> None:
    staged = stage(packed.out, tmp_path / "staged")
    for shard in staged.manifest.shards:
        original = members(packed.out / shard.path)
        expected = {name: data for name, data in original.items() if not name.endswith(".jpg")}
        found = members(staged.root / shard.path)
        assert found == expected
        assert list(found) == list(expected)
        assert len(found) == 2 * shard.images


def test_the_annotations_manifest_says_what_it_was_made_from(packed: World, tmp_path: Path) -> None:
    original = open_dataset(packed.out).manifest
    manifest = stage(packed.out, tmp_path / "staged").manifest
    assert (manifest.edition, manifest.made_from, manifest.pictured) == (
        "annotations",
        original.sha256,
        original.shards,
    )
    told_anew = {"edition", "made_from", "pictured", "shards", "files", "sha256"}
    assert manifest.model_dump(exclude=told_anew) == original.model_dump(exclude=told_anew)


def test_pictures_are_the_packed_dataset_under_other_documents(packed: World, tmp_path: Path) -> None:
    staged = stage(packed.out, tmp_path / "staged", "pictures", ON_THE_HUB)
    assert staged.manifest == open_dataset(packed.out).manifest
    differing = {path for path, digest in digests(staged.root).items() if digests(packed.out).get(path) != digest}
    assert differing == {"README.md", "SHA256SUMS"}


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("where", ["a-folder", "the-hub", "a-release"])
def test_what_is_staged_passes_verification(packed: World, tmp_path: Path, edition: Edition, where: str) -> None:
    placement = NOWHERE if where == "a-folder" else ON_THE_HUB
    staged = stage(packed.out, tmp_path / "staged", edition, placement)
    if where == "a-release":
        staged = stage(packed.out, tmp_path / "staged", edition, released(staged))
    report = verify_dataset(staged.root, Silent(), workers=1)
    assert report.ok, report.faults
    assert report.checks.get("releases", 0) == (where == "a-release")


def test_the_notice_of_imagenets_terms_goes_with_the_pictures(packed: World, tmp_path: Path) -> None:
    for edition in EDITIONS:
        staged = stage(packed.out, tmp_path / edition, edition)
        assert (staged.root / "LICENSE-IMAGENET.txt").exists() == (edition == "pictures")
        assert ("LICENSE-IMAGENET.txt" in staged.manifest.files) == (edition == "pictures")
    notice = (tmp_path / "pictures" / "LICENSE-IMAGENET.txt").read_text()
    assert "https://www.image-net.org/download.php" in notice
    assert "non-commercial" in notice


def test_the_placement_decides_the_card_and_the_releases_alone(packed: World, tmp_path: Path) -> None:
    plain = stage(packed.out, tmp_path / "plain")
    placed = stage(packed.out, tmp_path / "placed", placement=released(plain))
    assert placed.manifest == plain.manifest
    before, after = digests(plain.root), digests(placed.root)
    assert {path for path in after if before.get(path) != after[path]} == {"README.md", "SHA256SUMS", "releases.json"}


def test_releases_do_not_outlive_their_placement(packed: World, tmp_path: Path) -> None:
    staged = stage(packed.out, tmp_path / "staged")
    plain = digests(staged.root)
    stage(packed.out, tmp_path / "staged", placement=released(staged))
    stage(packed.out, tmp_path / "staged")
    assert digests(staged.root) == plain


def test_annotations_can_be_staged_from_annotations(packed: World, tmp_path: Path) -> None:
    first = stage(packed.out, tmp_path / "first")
    second = stage(first.root, tmp_path / "second")
    assert digests(first.root) == digests(second.root)


def test_pictures_that_are_not_there_cannot_be_staged(packed: World, tmp_path: Path) -> None:
    first = stage(packed.out, tmp_path / "first")
    with pytest.raises(DatasetError, match=r"first: has no pictures to stage; .*rejoin"):
        stage(first.root, tmp_path / "second", "pictures")
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize("place", ["dataset/staged", "dataset", "."])
def test_a_folder_that_is_not_apart_from_the_dataset_is_refused(tmp_path: Path, place: str) -> None:
    world = make_world(tmp_path)
    world.pack()
    before = digests(world.out)
    with pytest.raises(ConfigError, match="is not apart from the dataset"):
        stage(world.out, tmp_path / place)
    assert digests(world.out) == before


# --- a function of the dataset, and nothing else ---


@pytest.mark.parametrize("edition", EDITIONS)
def test_staging_twice_gives_the_same_bytes_and_never_changes_the_dataset(
    packed: World, tmp_path: Path, edition: Edition
) -> None:
    before = digests(packed.out)
    first, second = (stage(packed.out, tmp_path / name, edition, ON_THE_HUB) for name in ("first", "second"))
    assert digests(first.root) == digests(second.root)
    assert digests(packed.out) == before


@pytest.mark.parametrize("edition", EDITIONS)
def test_what_stands_finished_is_not_touched(packed: World, tmp_path: Path, edition: Edition) -> None:
    folder = tmp_path / "staged"
    stage(packed.out, folder, edition)
    before = stamps(folder)
    stage(packed.out, folder, edition)
    assert stamps(folder) == before


def test_only_shards_that_changed_are_written_again(tmp_path: Path) -> None:
    world, folder = make_world(tmp_path), tmp_path / "staged"
    world.pack()
    stage(world.out, folder)
    before = stamps(folder)
    world.results[0].completions[0] = make_completion(world.images[0].ref.image_id, text="another|text")
    world.pack()
    stage(world.out, folder)
    after = stamps(folder)
    assert sum(before[path] != after[path] for path in before if path.startswith("data/")) == 1
    assert verify_dataset(folder, Silent(), workers=1).ok


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("then", EDITIONS)
def test_another_dataset_or_edition_leaves_nothing_of_the_old_one(
    packed: World, tmp_path: Path, edition: Edition, then: Edition
) -> None:
    smaller = make_world(tmp_path / "smaller", train=4, benchmark=0)
    smaller.pack()
    stage(packed.out, tmp_path / "staged", edition, ON_THE_HUB)
    (tmp_path / "staged" / "data" / f".{Path(TRAIN).name}.77.tmp").write_bytes(b"half")
    stage(smaller.out, tmp_path / "staged", then)
    stage(smaller.out, tmp_path / "fresh", then)
    assert digests(tmp_path / "staged") == digests(tmp_path / "fresh")


@pytest.mark.parametrize("edition", EDITIONS)
def test_staging_killed_at_any_write_is_finished_by_the_next(
    packed: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edition: Edition
) -> None:
    whole = digests(stage(packed.out, tmp_path / "whole", edition, ON_THE_HUB).root)
    replace = Path.replace
    for renames in itertools.count():
        folder = tmp_path / f"killed-{renames}"
        left = iter(range(renames))

        def die_at_rename(path: Path, target: Path, left: Iterator[int] = left) -> Path:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return replace(path, target)

        with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            patch.setattr(Path, "replace", die_at_rename)
            stage(packed.out, folder, edition, ON_THE_HUB)
            break
        assert not (folder / "manifest.json").exists()
        stage(packed.out, folder, edition, ON_THE_HUB)
        assert digests(folder) == whole
    # three shards, with receipts where they are not links; the rejections; six documents, and the notice
    assert renames == {"annotations": 6 + 1 + 8, "pictures": 3 + 1 + 9}[edition]


# --- pictures are not copied where that can be helped ---


def test_shards_with_pictures_are_links(packed: World, tmp_path: Path) -> None:
    staged = stage(packed.out, tmp_path / "staged", "pictures")
    assert all((staged.root / shard.path).samefile(packed.out / shard.path) for shard in staged.manifest.shards)


def test_where_links_are_impossible_shards_are_copied(
    packed: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked = stage(packed.out, tmp_path / "linked", "pictures")

    def refuse(path: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(path), None, str(target))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    copied = stage(packed.out, tmp_path / "copied", "pictures")
    assert digests(copied.root) == digests(linked.root)
    assert not (copied.root / TRAIN).samefile(packed.out / TRAIN)
    before = stamps(copied.root)
    stage(packed.out, copied.root, "pictures")
    assert stamps(copied.root) == before


# --- a dataset that changed under way ---


def damage_in_place(path: Path) -> None:
    """Change a byte of the first record, and leave the size."""
    with path.open("r+b") as file:
        data = file.read()
        file.seek(data.index(b'"image_id"'))
        file.write(b'"image_xx"')


def test_a_shard_that_is_not_what_the_manifest_says_is_named_and_nothing_looks_whole(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.pack()
    damage_in_place(world.out / TRAIN)
    with pytest.raises(DatasetError, match=rf"{TRAIN}: has another checksum than the manifest says; remove it"):
        stage(world.out, tmp_path / "staged")
    assert not (tmp_path / "staged" / "manifest.json").exists()
    assert not (tmp_path / "staged" / TRAIN).exists()


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_shard_that_is_cut_or_gone_is_named(tmp_path: Path, edition: Edition) -> None:
    world = make_world(tmp_path)
    world.pack()
    with (world.out / TRAIN).open("r+b") as file:
        file.truncate(1024)
    with pytest.raises(DatasetError, match=rf"{TRAIN}: has 1,024 bytes, the manifest says"):
        stage(world.out, tmp_path / "staged", edition)
    (world.out / TRAIN).unlink()
    with pytest.raises(DatasetError, match=rf"{TRAIN}: is missing"):
        stage(world.out, tmp_path / "staged", edition)
    assert not (tmp_path / "staged" / "manifest.json").exists()


@pytest.mark.parametrize("path", ["statistics.json", "rejections.parquet"])
def test_a_document_that_is_gone_is_named(tmp_path: Path, path: str) -> None:
    world = make_world(tmp_path)
    world.pack()
    (world.out / path).unlink()
    with pytest.raises(DatasetError, match=rf"{path}: .*see imagenet-think verify"):
        stage(world.out, tmp_path / "staged")


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("path", ["statistics.json", "rejections.parquet"])
def test_a_document_that_is_not_what_the_manifest_says_is_named_and_nothing_is_staged(
    tmp_path: Path, path: str, edition: Edition
) -> None:
    world = make_world(tmp_path)
    world.pack()
    document = world.out / path
    document.write_bytes(document.read_bytes().replace(b'"greyscale": 0', b'"greyscale": 5') + b"\n")
    with pytest.raises(DatasetError, match=rf"{path}: has another checksum than the manifest says"):
        stage(world.out, tmp_path / "staged", edition)
    assert not (tmp_path / "staged").exists()
