"""What is not published, and the line that says why: nothing of it is to be seen on the hub."""

from __future__ import annotations

import errno
import fcntl
import io
import logging
import os
import shutil
from pathlib import Path

import pytest

from pipeline.packing.sidecars import MANIFEST_FILE
from pipeline.progress import Silent
from pipeline.publishing.publish import PublishOptions, publish, upload
from schemas.errors import ConfigError, DatasetError, HubError
from tests.fakes.hub import COMMIT, Dataset, Script
from tests.pipeline.packing.world import GLM, World, answer_all, make_world
from tests.pipeline.publishing.hub_world import (
    LIMITED,
    OPTIONS,
    READER,
    REPO,
    STRANGER,
    TOKEN,
    WITH_IMAGES,
    manifest_of,
    world_of,
)

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=")  # of huggingface_hub's own uploads


def test_pictures_need_the_terms_accepted(packed: World, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"read https://www\.image-net\.org/download\.php, then add --accept-imagenet"
    ):
        publish(packed.out, PublishOptions(REPO, include_images=True), tmp_path / "work", Silent())
    assert not (tmp_path / "work").exists()


def test_a_hub_that_does_not_gate_gets_no_pictures(packed: World, tmp_path: Path) -> None:
    script = Script(opens_gates=True)
    with (
        world_of(tmp_path, script),
        pytest.raises(HubError, match="does not gate the repository, and pictures must not be open to all"),
    ):
        publish(packed.out, WITH_IMAGES, tmp_path / "work", Silent())
    assert script.uploaded == []


def test_somebody_elses_files_are_left_alone(packed: World, tmp_path: Path) -> None:
    for name in ("README.md", "data/train-00000-of-00002.tar", MANIFEST_FILE):
        script = Script()
        with world_of(tmp_path / name, script) as hub:
            theirs = tmp_path / name / "theirs"
            (theirs / name).parent.mkdir(parents=True)
            (theirs / name).write_text("{}")
            hub.datasets[REPO] = Dataset.of(theirs)
            with pytest.raises(HubError, match=f"holds files that publishing did not put there: {name}; name another"):
                publish(packed.out, OPTIONS, tmp_path / "work", Silent())
        assert script.uploaded == []
        assert hub.datasets[REPO].branches == {"main": COMMIT}


def test_a_tag_or_a_commit_is_no_branch_to_publish_to(packed: World, tmp_path: Path) -> None:
    script = Script()
    with world_of(tmp_path, script) as hub:
        first = publish(packed.out, PublishOptions(REPO, tag="v1"), tmp_path / "work", Silent())
        script.requests.clear()
        for name in ("v1", first.commit):
            with pytest.raises(HubError, match=f"{name} is no branch there, but a tag or a commit; name another --rev"):
                publish(packed.out, PublishOptions(REPO, branch=name), tmp_path / "work", Silent())
        assert hub.datasets[REPO].branches == {"main": first.commit}
    assert {request.method for request in script.requests} == {"GET"}


def test_a_rival_who_brings_other_files_stops_it(packed: World, tmp_path: Path) -> None:
    with (
        world_of(tmp_path, Script(rivals=[{"theirs.txt": b"here first"}])) as hub,
        pytest.raises(HubError, match=r"did not put there: theirs\.txt"),
    ):
        publish(packed.out, OPTIONS, tmp_path / "work", Silent())
    assert {path.name for path in hub.datasets[REPO].folder().iterdir()} == {".gitattributes", "theirs.txt"}


@pytest.mark.parametrize(
    ("token", "line"),
    [
        (None, "there is no token, and publishing needs one; set HF_TOKEN, or run hf auth login"),
        ("hf_" + "x" * 34, "the token: the hub answers 401 Unauthorized.*; check that HF_TOKEN is valid and may write"),
        (READER, "the token may only read; make one that may write, and set HF_TOKEN to it"),
        (
            STRANGER,
            "the token belongs to else, who is neither someone nor a member of it; check REPO_ID and HF_TOKEN",
        ),
        (
            LIMITED,
            "the hub answers 403 Forbidden .*rights to create a dataset.*; check that HF_TOKEN is valid and may",
        ),
    ],
    ids=["none", "wrong", "reader", "stranger", "limited"],
)
def test_a_token_that_will_not_do_is_one_line_and_nothing_is_said_of_it(
    packed: World, tmp_path: Path, token: str | None, line: str
) -> None:
    with world_of(tmp_path, token=token) as hub, pytest.raises(HubError, match=line) as caught:
        publish(packed.out, OPTIONS, tmp_path / "work", Silent())
    assert hub.datasets == {}
    assert "\n" not in str(caught.value)
    assert token is None or token not in str(caught.value)


def test_a_token_without_the_right_cannot_write_to_what_exists(packed: World, tmp_path: Path) -> None:
    with world_of(tmp_path, token=LIMITED) as hub:
        hub.datasets[REPO] = Dataset.empty(tmp_path / "new")
        with pytest.raises(HubError, match=r"403 Forbidden .*rights to write to someone/thoughts"):
            publish(packed.out, OPTIONS, tmp_path / "work", Silent())


def test_the_token_is_in_no_file_no_log_and_no_message(
    packed: World, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        with caplog.at_level(logging.DEBUG), world_of(tmp_path, Script(writes=[503], put_cuts=[10])) as hub:
            publish(packed.out, OPTIONS, tmp_path / "work", Silent())
            store = {request.authorization for request in hub.script.requests if request.host == "store"}
    finally:
        root.removeHandler(handler)
    assert store == {None}
    out, err = capfd.readouterr()
    assert TOKEN not in caplog.text + stream.getvalue() + out + err
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_a_damaged_dataset_is_refused_with_its_first_faults(packed: World, tmp_path: Path) -> None:
    damaged = shutil.copytree(packed.out, tmp_path / "damaged")
    shard = next((damaged / "data").iterdir())
    shard.write_bytes(shard.read_bytes()[:-1024])
    script = Script()
    with world_of(tmp_path, script) as hub, pytest.raises(DatasetError, match=f"is not whole: data/{shard.name}"):
        publish(damaged, OPTIONS, tmp_path / "work", Silent())
    assert hub.datasets == {}


def test_a_dataset_that_changes_after_it_was_verified_is_not_published(packed: World, tmp_path: Path) -> None:
    """The shards with pictures are links: what is written into one of them is in the staged release, too."""
    changing = shutil.copytree(packed.out, tmp_path / "changing")
    shard = min((changing / "data").iterdir())

    def spoil(_: int) -> None:
        data = bytearray(shard.read_bytes())
        data[600:608] = b"tampered"
        shard.write_bytes(data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upload, "BATCH_FILES", 1)
        patch.setattr(upload, "_SMALL", 0)
        script = Script(on_put=spoil)
        with (
            world_of(tmp_path, script) as hub,
            pytest.raises(
                DatasetError, match=f"{shard.name}: changed since the dataset was verified; nothing was published"
            ),
        ):
            publish(changing, WITH_IMAGES, tmp_path / "work", Silent())
        assert {path.name for path in hub.datasets[REPO].folder().iterdir()} == {".gitattributes"}


def test_records_of_the_embedded_engine_are_published_only_by_name(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", train=4, benchmark=2)
    world.results[0] = answer_all(GLM, world.images, engine="pixels")
    world.pack()
    with world_of(tmp_path) as hub:
        with pytest.raises(
            DatasetError, match=r"glm were written by the embedded engine pixels.*--allow-engine pixels"
        ):
            publish(world.out, OPTIONS, tmp_path / "work", Silent())
        assert hub.datasets == {}
        publish(world.out, PublishOptions(REPO, allow_engines=frozenset({"pixels"})), tmp_path / "work", Silent())
        assert REPO in hub.datasets


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (PublishOptions("thoughts"), "REPO_ID thoughts names no repository; write OWNER/NAME"),
        (PublishOptions("a/b/c"), "REPO_ID a/b/c names no repository"),
        (PublishOptions("../b"), "names no repository"),
        (PublishOptions(REPO, branch="a b"), "--revision a b can name nothing in a repository"),
        (PublishOptions(REPO, tag="release-1"), "--tag release-1: names that begin with release- are given"),
        (PublishOptions(REPO, allow_engines=frozenset({"vllm"})), "--allow-engine vllm: only pixels can be named"),
    ],
)
def test_options_that_cannot_be_are_refused_at_once(
    packed: World, tmp_path: Path, options: PublishOptions, line: str
) -> None:
    with pytest.raises(ConfigError, match=line):
        publish(packed.out, options, tmp_path / "work", Silent())


def test_a_hub_that_gives_other_bytes_than_it_took_is_found_out(packed: World, tmp_path: Path) -> None:
    script = Script()
    with world_of(tmp_path, script) as hub:
        publish(packed.out, OPTIONS, tmp_path / "work", Silent())
        shard = manifest_of(hub.datasets[REPO].folder()).shards[1]
        data = bytearray((hub.datasets[REPO].folder() / shard.path).read_bytes())
        data[700] ^= 1
        script.lies[shard.sha256] = bytes(data)
        with pytest.raises(HubError, match=f"{shard.path} at .* holds other bytes than were published; run the same"):
            publish(packed.out, OPTIONS, tmp_path / "work", Silent())


def test_a_disk_that_fills_leaves_the_hub_as_it_was(packed: World, tmp_path: Path) -> None:
    def fill(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with world_of(tmp_path) as hub, pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", fill)
        with pytest.raises(OSError, match="No space left on device"):
            publish(packed.out, OPTIONS, tmp_path / "work", Silent())
        assert hub.datasets == {}


def test_work_is_never_done_inside_the_dataset_nor_twice_in_one_place(packed: World, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="lies in the dataset; name a folder beside it"):
        publish(packed.out, OPTIONS, packed.out / "work", Silent())
    assert not (packed.out / "work").exists()
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"--work-dir .*/file/work: lies under a file; name a folder"):
        publish(packed.out, OPTIONS, tmp_path / "file/work", Silent())
    held = tmp_path / "work"
    held.mkdir()
    with (held / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="process unknown publishes from it; wait for it, or choose another"):
            publish(packed.out, OPTIONS, held, Silent())
