from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest
from datasets import load_dataset

from pipeline.packed import open_dataset
from pipeline.packing.card import Placement, read_front_matter
from pipeline.packing.preview import PREVIEW_PATH, PREVIEW_ROWS, WORTH_A_PREVIEW
from pipeline.progress import Silent
from pipeline.publishing.editions import stage_release
from pipeline.publishing.verify import Fault, verify_dataset
from pipeline.tars import read_samples
from schemas.derived import record_features
from schemas.errors import DatasetError
from schemas.manifest import Edition
from tests.pipeline.packing.world import World, digests, make_world
from tests.pipeline.publishing.damage import Dataset

EDITIONS: tuple[Edition, ...] = ("pictures", "annotations")


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A packed world that is just large enough for a preview. Read only."""
    world = make_world(tmp_path_factory.mktemp("large"), train=WORTH_A_PREVIEW - 10, benchmark=10)
    world.images_per_shard = 600
    world.pack()
    return world


@pytest.fixture(scope="session")
def editions(large: World, tmp_path_factory: pytest.TempPathFactory) -> dict[Edition, Path]:
    """The packed world, and its annotations edition. Read only."""
    folder = tmp_path_factory.mktemp("editions") / "annotations"
    stage_release(open_dataset(large.out), folder, "annotations", Placement(), Silent(), workers=1)
    return {"pictures": large.out, "annotations": folder}


@pytest.fixture
def dataset(editions: dict[Edition, Path], tmp_path: Path) -> Dataset:
    """A copy to damage; the annotations edition, which is the smaller one."""
    return Dataset(shutil.copytree(editions["annotations"], tmp_path / "dataset"))


def faults_of(dataset: Dataset) -> list[Fault]:
    return list(verify_dataset(dataset.root, Silent(), workers=1).faults)


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_preview_is_the_first_rows_of_the_first_training_shard(
    editions: dict[Edition, Path], edition: Edition
) -> None:
    root = editions[edition]
    manifest = open_dataset(root).manifest
    first = manifest.shards[0]
    preview = list(read_samples(root / PREVIEW_PATH))
    assert preview == list(read_samples(root / first.path))[:PREVIEW_ROWS]
    assert manifest.preview is not None
    assert (manifest.preview.path, manifest.preview.split, manifest.preview.images) == (PREVIEW_PATH, "train", 100)
    assert manifest.preview.sha256 == digests(root)[PREVIEW_PATH]
    assert manifest.preview.bytes == (root / PREVIEW_PATH).stat().st_size


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_dataset_with_a_preview_passes_verification(editions: dict[Edition, Path], edition: Edition) -> None:
    report = verify_dataset(editions[edition], Silent(), workers=1)
    assert report.ok, report.faults
    assert report.checks["preview rows"] == PREVIEW_ROWS


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("edition", EDITIONS)
def test_the_preview_loads_by_its_name_and_the_whole_without(
    editions: dict[Edition, Path], edition: Edition, streaming: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    root, options = str(editions[edition]), {"streaming": streaming, "cache_dir": str(tmp_path)}
    preview = load_dataset(root, "preview", **options)
    assert list(preview) == ["train"]
    assert preview["train"].features == record_features(edition)
    whole = load_dataset(root, **options)
    assert list(whole) == ["train", "benchmark"]
    keys = [row["json"]["image_id"] for row in preview["train"].select_columns("json")]
    assert len(keys) == PREVIEW_ROWS
    assert keys == [row["json"]["image_id"] for row in whole["train"].select_columns("json").take(PREVIEW_ROWS)]
    if not streaming:
        assert {split: len(rows) for split, rows in whole.items()} == {"train": 990, "benchmark": 10}


@pytest.mark.slow
def test_neither_workers_nor_a_second_run_change_a_byte(large: World, tmp_path: Path) -> None:
    world = make_world(tmp_path, train=WORTH_A_PREVIEW - 10, benchmark=10)
    world.images_per_shard, world.workers = 600, 2
    world.pack()
    assert digests(world.out) == digests(large.out)
    before = (world.out / PREVIEW_PATH).stat()
    world.pack()
    assert (world.out / PREVIEW_PATH).stat() == before
    stage_release(open_dataset(world.out), tmp_path / "one", "annotations", Placement(), Silent(), workers=1)
    stage_release(open_dataset(world.out), tmp_path / "two", "annotations", Placement(), Silent(), workers=2)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_a_small_dataset_has_none(packed: World) -> None:
    assert open_dataset(packed.out).manifest.preview is None
    assert not (packed.out / "preview").exists()
    configs = read_front_matter((packed.out / "README.md").read_text())["configs"]
    assert [config["config_name"] for config in configs] == ["default"]


def test_a_preview_does_not_outlive_the_dataset_it_is_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: World
) -> None:
    world = make_world(tmp_path, train=12, benchmark=3)
    world.images_per_shard = 6
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.packing.preview.WORTH_A_PREVIEW", 15)
        assert world.pack().preview is not None
    assert world.pack().preview is None
    assert digests(world.out) == digests(packed.out)


def test_a_preview_is_never_longer_than_its_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.packing.preview.WORTH_A_PREVIEW", 9)
    world = make_world(tmp_path)
    manifest = world.pack()
    assert manifest.preview is not None
    assert (manifest.preview.images, manifest.preview.sha256) == (3, manifest.shards[0].sha256)
    assert verify_dataset(world.out, Silent(), workers=1).ok


def test_without_training_images_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.packing.preview.WORTH_A_PREVIEW", 3)
    world = make_world(tmp_path, train=0, benchmark=3)
    assert world.pack().preview is None
    assert verify_dataset(world.out, Silent(), workers=1).ok


# --- damage ---


@pytest.mark.parametrize("at", [0, 8192], ids=["first-header", "a-later-one"])
def test_a_preview_is_not_made_from_a_damaged_shard(large: World, tmp_path: Path, at: int) -> None:
    world = shutil.copytree(large.out, tmp_path / "dataset")
    first = world / "data/train-00000-of-00002.tar"
    with first.open("r+b") as file:
        data = file.read()
        file.seek(data.index(b"ustar", at) // 512 * 512)
        file.write(b"x" * 256)
    with pytest.raises(DatasetError, match=r"train-00000-of-00002\.tar: is damaged"):
        stage_release(open_dataset(world), tmp_path / "staged", "pictures", Placement(), Silent(), workers=1)
    assert not (tmp_path / "staged" / "manifest.json").exists()


def test_what_is_advised_where_a_preview_cannot_be_made_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.packing.preview.WORTH_A_PREVIEW", 9)
    world = make_world(tmp_path)
    first = world.out / world.pack().shards[0].path
    whole = first.read_bytes()
    first.write_bytes(b"x" * len(whole))
    with pytest.raises(DatasetError, match=r"train-00000-of-00002\.tar: is damaged .*; remove it and pack again"):
        world.pack()
    first.unlink()
    world.pack()
    assert first.read_bytes() == whole


def sign_preview(dataset: Dataset) -> None:
    """Make the manifest fit the preview as it lies there."""
    preview = dataset.manifest.preview
    assert preview is not None
    with tarfile.open(dataset.root / PREVIEW_PATH) as archive:
        images = len({name.partition(".")[0] for name in archive.getnames()})
    measured = {
        "bytes": (dataset.root / PREVIEW_PATH).stat().st_size,
        "sha256": digests(dataset.root)[PREVIEW_PATH],
        "images": images,
    }
    dataset.write(dataset.manifest.model_copy(update={"preview": preview.model_copy(update=measured)}))


def test_a_missing_preview_is_found(dataset: Dataset) -> None:
    (dataset.root / PREVIEW_PATH).unlink()
    assert [str(fault) for fault in faults_of(dataset)] == [f"{PREVIEW_PATH}: is missing"]


def test_a_preview_that_changed_is_found(dataset: Dataset) -> None:
    dataset.replace(PREVIEW_PATH, dataset.read(PREVIEW_PATH).replace(b"slowly", b"slow1y", 1))
    found = {str(fault) for fault in faults_of(dataset)}
    assert f"{PREVIEW_PATH}: has another checksum than the manifest says" in found


@pytest.mark.parametrize("start", [0, 2], ids=["fewer-rows", "other-rows"])
def test_a_signed_preview_of_something_else_is_found(dataset: Dataset, start: int) -> None:
    dataset.rewrite(PREVIEW_PATH, dataset.members(PREVIEW_PATH)[start : len(dataset.members(PREVIEW_PATH)) + start - 2])
    sign_preview(dataset)
    assert [str(fault) for fault in faults_of(dataset)] == [
        f"{PREVIEW_PATH}: is not the first 100 rows of data/train-00000-of-00002.tar"
    ]


def test_a_manifest_that_conceals_its_preview_is_found(dataset: Dataset) -> None:
    dataset.write(dataset.manifest.model_copy(update={"preview": None}))
    found = {str(fault) for fault in faults_of(dataset)}
    assert "manifest.json: lists no preview although one is due" in found
    assert f"{PREVIEW_PATH}: is not part of the dataset; remove it" in found


@pytest.mark.parametrize("path", ["../outside.tar", "/etc/passwd", "manifest.json", "preview/other.tar"])
def test_a_preview_at_another_path_is_not_opened(dataset: Dataset, path: str) -> None:
    preview = dataset.manifest.preview
    assert preview is not None
    moved = preview.model_copy(update={"path": path})
    dataset.write(dataset.manifest.model_copy(update={"preview": moved}))
    assert "manifest.json: names its shards otherwise than packing does" in {str(f) for f in faults_of(dataset)}
