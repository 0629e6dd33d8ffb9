"""Annotations that lie on the hub: fetched as far as they are needed, through whatever it does meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.files import sha256_of
from schemas.errors import ConfigError, DatasetError, HubError, ImageNetThinkError
from tests.fakes.hub import Script, run_hub
from tests.fakes.hub_client import client_of
from tests.pipeline.packing.world import digests
from tests.pipeline.publishing.rejoining import COLLECTION, Published, copied, put_back, sign, write_copy

REPOSITORY = "someone/annotations"
ADDRESS = f"hf://datasets/{REPOSITORY}"
PICTURES = "someone/imagenet"


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def hub(annotated: Published, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that the hub's repository shows."""
    folder = copied(annotated.annotations, tmp_path / "on the hub")
    monkeypatch.setattr("pipeline.hub.asking.WAITS", (0,) * 8)
    monkeypatch.setattr("pipeline.hub.asking.FIRST_WAITS", (0,) * 3)
    pictures = COLLECTION.write(tmp_path / "pictures on the hub", "webdataset")
    with (
        run_hub(datasets={REPOSITORY: folder, PICTURES: pictures}, script=script) as running,
        client_of(running.address, tmp_path / "home"),
    ):
        yield folder


@pytest.mark.usefixtures("hub")
def test_annotations_on_the_hub_are_fetched_and_rejoined(annotated: Published, tmp_path: Path) -> None:
    assert put_back(ADDRESS, write_copy(tmp_path / "copy"), tmp_path / "out").restored
    assert digests(tmp_path / "out") == digests(annotated.packed)


@pytest.mark.usefixtures("hub")
def test_both_sides_may_lie_on_the_hub(annotated: Published, tmp_path: Path) -> None:
    assert put_back(ADDRESS, f"hf://datasets/{PICTURES}", tmp_path / "out").restored
    assert digests(tmp_path / "out") == digests(annotated.packed)


@pytest.mark.usefixtures("hub")
def test_a_busy_hub_and_broken_connections_are_waited_out(script: Script, annotated: Published, tmp_path: Path) -> None:
    script.statuses = [429, 200, 503, 200, 429]
    script.cuts = [10, 5000, 700]
    assert put_back(ADDRESS, write_copy(tmp_path / "copy"), tmp_path / "out").restored
    assert digests(tmp_path / "out") == digests(annotated.packed)
    assert not script.statuses


@pytest.mark.usefixtures("hub")
def test_what_was_fetched_is_not_fetched_again(script: Script, annotated: Published, tmp_path: Path) -> None:
    copy = write_copy(tmp_path / "copy")
    put_back(ADDRESS, copy, tmp_path / "out")
    before = len(script.requests)
    put_back(ADDRESS, copy, tmp_path / "out")
    asked = [request.path for request in script.requests[before:]]
    assert any(path.endswith("manifest.json") for path in asked)
    assert not [path for path in asked if path.endswith(".tar")]
    assert annotated.dataset.shards()


def test_another_release_is_refused_before_its_shards_are_fetched(
    hub: Path, script: Script, annotated: Published, tmp_path: Path
) -> None:
    put_back(ADDRESS, write_copy(tmp_path / "copy"), tmp_path / "out")
    sign(hub, name="another")
    for shard in annotated.dataset.shards():
        (hub / shard.path).write_bytes(b"another shard")
    before = len(script.requests)
    with pytest.raises(ConfigError, match="of other annotations, or of another release of them"):
        put_back(ADDRESS, tmp_path / "copy", tmp_path / "out")
    assert not [request for request in script.requests[before:] if request.path.endswith(".tar")]


def test_shards_that_the_hub_gives_damaged_are_one_line(hub: Path, annotated: Published, tmp_path: Path) -> None:
    shard = hub / annotated.dataset.shards()[0].path
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    assert sha256_of(shard)
    with pytest.raises(DatasetError, match="has another checksum than its manifest says; fetch it again"):
        put_back(ADDRESS, write_copy(tmp_path / "copy"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_repository_without_a_manifest_is_one_line(hub: Path, tmp_path: Path) -> None:
    (hub / "manifest.json").unlink()
    with pytest.raises(DatasetError, match=f"{ADDRESS} is no packed dataset; name a repository of annotations"):
        put_back(ADDRESS, tmp_path, tmp_path / "out")


def test_a_repository_that_lacks_a_shard_is_one_line(hub: Path, annotated: Published, tmp_path: Path) -> None:
    path = annotated.dataset.shards()[-1].path
    (hub / path).unlink()
    with pytest.raises(DatasetError, match=f"{ADDRESS}: {path} is missing, which its manifest names"):
        put_back(ADDRESS, tmp_path, tmp_path / "out")


@pytest.mark.usefixtures("hub")
def test_a_repository_that_there_is_not_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(HubError, match="check ANNOTATIONS, or set HF_TOKEN"):
        put_back("hf://datasets/someone/else", tmp_path, tmp_path / "out")


def test_an_address_of_something_else_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ImageNetThinkError, match="is no address of a dataset"):
        put_back("hf://spaces/someone/else", tmp_path, tmp_path / "out")
